/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The board's network card and the network behind it: frames between the program's BOARD_FD_NET and libslirp, by way of
 * the wire. 10.0.2.0/24, the runner is 10.0.2.2, the board gets 10.0.2.15 from DHCP, or another one once it was moved.
 */
#pragma once

#include <libslirp.h>

#include "options.h"
#include "poll_set.h"
#include "wire.h"

struct network_timer;

struct open_forward {
    struct forward asked;
    uint16_t host_port; /* the real one, also where 0 was asked for */
    int listening_fd;   /* slirp's */
};

struct network {
    Slirp *slirp;
    struct in_addr board; /* what DHCP gives it */
    struct wire wire;
    struct network_timer *timers;
    int program_fd; /* the supervisor's end of BOARD_FD_NET; -1 while no program runs */
    int program_place;
    struct poll_set *turn; /* while slirp adds its descriptors */
    struct open_forward forwards[MAX_FORWARDS];
    int forward_count;
};

/** @return false with the reason in @p why. */
bool network_open(struct network *network, const struct options *options, char *why, size_t why_size);
void network_close(struct network *network);

/**
 * Another network, in which DHCP gives the board @p address: all its connections are gone, its forwards are as before,
 * and a running program sees its link go and come back.
 * @return false with the reason in @p why; nothing is changed then, but where another process took a port meanwhile.
 */
bool network_move(struct network *network, struct in_addr address, char *why, size_t why_size);

/** The program's end changes at each boot; -1 for none. The descriptor stays the caller's. */
void network_attach(struct network *network, int program_fd);

void network_poll_add(struct network *network, struct poll_set *set);
void network_poll_done(struct network *network, struct poll_set *set, bool poll_failed);
