/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The control socket: a Unix stream socket, one command a line in, one line of JSON out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "poll_set.h"

#define CONTROL_CLIENTS 8
#define CONTROL_LINE    256

struct supervisor;

struct control_client {
    int fd;
    int place;
    size_t used;
    char line[CONTROL_LINE];
};

struct control {
    const char *path; /* NULL: none was asked for */
    dev_t device;     /* of our socket's file, so that no other's is removed at the end */
    ino_t inode;
    int listen_fd;
    int place;
    struct control_client clients[CONTROL_CLIENTS];
};

/** Listens at @p path (NULL: does nothing). @return false with the reason in @p why. */
bool control_open(struct control *control, const char *path, char *why, size_t why_size);
void control_close(struct control *control);

void control_poll_add(struct control *control, struct poll_set *set);
void control_poll_done(struct control *control, struct supervisor *board, const struct poll_set *set);
