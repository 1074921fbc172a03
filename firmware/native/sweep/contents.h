/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a board's nvs holds beside the trigger's counter: put there before the sweep, and looked for after each cut.
 */
#pragma once

#include <stdbool.h>

/** Provisions the board and puts there what contents_are_there() looks for. For board_write_nvs(). */
void contents_write(const void *unused);

/** Two writes to nvs. */
struct writes {
    void (*first)(void); /* may be NULL */
    void (*second)(void);
};

/**
 * Fills nvs until the second of these writes would have to give up a page to make room: nvs then copies what is alive,
 * and has the most to lose. The writes themselves are not done. For board_write_nvs().
 */
void contents_fill(const void *writes);

/** Whether all that contents_write() put there is there, unchanged. */
bool contents_are_there(void);
