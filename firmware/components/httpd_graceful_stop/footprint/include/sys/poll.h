/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * poll(), which this C library lacks; as ESP-IDF's declares it.
 */
#pragma once

#define POLLIN  (1 << 0)
#define POLLOUT (1 << 2)

struct pollfd {
    int fd;
    short events;
    short revents;
};

int poll(struct pollfd *entries, unsigned count, int timeout_ms);
