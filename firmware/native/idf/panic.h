/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The panic handler: faults, failed assertions, abort().
 */
#pragma once

void panic_init(void);
