/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The descriptors of one turn of the supervisor's loop. Every part adds what it waits for, remembers the place
 * it got, and asks for the result at that place after poll(). Rebuilt each turn, because slirp's sockets come and go.
 */
#pragma once

#include <poll.h>
#include <stdint.h>
#include <stdlib.h>

struct poll_set {
    struct pollfd *fds;
    int count;
    int capacity;
    uint32_t timeout_ms; /* UINT32_MAX: until something happens */
};

#define POLL_SET_NONE (-1)

/** @return the place of @p fd in this turn, POLL_SET_NONE for a descriptor < 0. */
static inline int poll_set_add(struct poll_set *set, int fd, short events)
{
    if (fd < 0) {
        return POLL_SET_NONE;
    }
    if (set->count == set->capacity) {
        int capacity = set->capacity ? set->capacity * 2 : 32;
        struct pollfd *fds = realloc(set->fds, (size_t)capacity * sizeof(*fds));
        if (fds == NULL) {
            abort(); /* a supervisor that waits for only half of its descriptors would hang in silence */
        }
        set->fds = fds;
        set->capacity = capacity;
    }
    set->fds[set->count] = (struct pollfd){.fd = fd, .events = events};
    return set->count++;
}

static inline short poll_set_result(const struct poll_set *set, int place)
{
    return place == POLL_SET_NONE ? 0 : set->fds[place].revents;
}

static inline void poll_set_wake_within(struct poll_set *set, int64_t ms)
{
    uint32_t wanted_ms = ms < 0 ? 0 : ms > INT32_MAX ? INT32_MAX : (uint32_t)ms;
    if (wanted_ms < set->timeout_ms) {
        set->timeout_ms = wanted_ms;
    }
}
