/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the board says of itself when it comes up: why it was reset, and exactly which image runs.
 */
#pragma once

/** Prints `boot`. */
void board_report_boot(void);
