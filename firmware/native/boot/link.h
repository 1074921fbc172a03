/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the program asks of its board over BOARD_FD_LINK.
 */
#pragma once

#include <stdbool.h>

#include "board_link.h"
#include "poll_set.h"

struct supervisor;

struct link {
    int fd; /* the supervisor's end; -1 while no program runs or when it has closed its own */
    int place;
    bool reply_waits; /* the program does not fetch its replies: no request is taken until this one is gone */
    struct board_reply reply;
};

void link_attach(struct link *link, int fd);
void link_poll_add(struct link *link, struct poll_set *set);
void link_poll_done(struct link *link, struct supervisor *board, const struct poll_set *set);
