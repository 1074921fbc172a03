/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the board says of itself when it comes up: why it was reset, and exactly which image runs.
 */
#pragma once

/** Prints `boot`. First of all. */
void board_report_boot(void);

/** The digest appended to the running image, 64 hexadecimal digits. After board_report_boot(). Any task. */
const char *board_report_image_sha256(void);
