/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * One boot, in the process made for it: boot loader, app_main(), and the stand-ins for what is around them. The
 * firmware's sources are those that ship; what would need tasks, a network or a broker is answered here.
 */
#pragma once

#include "board.h"

/** Boots the board and runs the app until this process ends. */
void boot_process(const struct world *world, struct life *life) __attribute__((noreturn));

/** For flash_file_cut_after(): nothing of the program is left from here on. */
void boot_process_power_is_cut(void) __attribute__((noreturn));

/* Between boot_process.c and the stand-ins. */

/** The world and the life of this boot. */
const struct world *boot_world(void);
struct life *boot_life(void);

/** Whether the running image is that version; NULL: no. */
bool boot_runs(const char *version);

/** Ends the boot. */
void boot_ends(enum life_end end) __attribute__((noreturn));

/** The app waits for a trigger and nothing else happens: looks at what nvs holds, and ends the boot. */
void boot_settles(void) __attribute__((noreturn));

/** Microseconds since boot; a wait makes them pass, nothing else does. */
int64_t boot_clock_us(void);
void boot_clock_wait(uint32_t ms);

/** Runs the tasks that the app made and that have not run yet. */
void boot_run_tasks(void);
