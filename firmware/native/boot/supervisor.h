/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The board: power, reset, boot, and the parts it is made of. One thread, one poll() loop.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "board_link.h"
#include "boot_select.h"
#include "control.h"
#include "link.h"
#include "network.h"
#include "options.h"
#include "program.h"
#include "serial.h"

struct supervisor {
    const struct options *options;
    struct serial serial;
    struct network network;
    struct control control;
    struct link link;
    struct program program;

    bool powered;
    enum board_reset reason; /* of the last boot, or of the one to come */
    bool end_asked;          /* the running program is being ended by us: its death says nothing */
    int64_t boot_not_before_ms;
    unsigned boots;            /* programs started */
    struct boot_choice choice; /* of the last boot */
    int program_fd;            /* --program; -1 */

    bool ending;
    int exit_code;
};

/** Runs the board, with all its parts open, until its end. @p signals_fd: a signalfd, see main.c. */
void supervisor_loop(struct supervisor *board, int signals_fd);

/** Off is at once, as a pulled plug. On boots with reason POWERON. */
void supervisor_power(struct supervisor *board, bool on);

/** @return false when the board is off */
bool supervisor_reset(struct supervisor *board, enum board_reset reason);

/** Leaves the loop after this turn; the first call's code counts. */
void supervisor_end(struct supervisor *board, int exit_code);

/** Arms a power cut at the @p ops-th flash operation from now; @p torn_bytes < 0 for a whole one, see flash_file.h. */
void supervisor_cut_after(struct supervisor *board, long ops, long torn_bytes);
