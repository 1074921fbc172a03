/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The serial line (UART0): the bytes of the boot loader and of the program, in order, to stdout or to a pty, and what
 * comes in to the program. Bounded: a reader that does not read stops the writer, as a full UART FIFO does.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"
#include "poll_set.h"

#define SERIAL_BUFFER 65536u

struct serial {
    enum serial_kind kind;
    int lifeline_fd; /* ends: so does the board; -1 */
    char name[64];   /* "stdio", or the path of the pty */

    int out_fd;     /* stdout, or the pty's master */
    bool out_waits; /* out_fd took no more: ask poll() before the next write */
    int in_fd;      /* stdin, or the pty's master; -1 */
    int pty_events; /* an epoll descriptor, see pty.h; -1 with stdio */
    bool attached;  /* pty: somebody had it open when we last looked */

    int from_program; /* -1 while none runs or when it has closed its stdout and stderr */
    int to_program;
    bool program_drained;

    uint8_t buffer[SERIAL_BUFFER];
    size_t start, used; /* a ring */

    int in_place, lifeline_place, out_place, program_place;
};

bool serial_open(struct serial *serial, enum serial_kind kind, bool lifeline, char *why, size_t why_size);
void serial_close(struct serial *serial);

/** Takes over the supervisor's ends of the program's stdout and stdin. */
void serial_attach(struct serial *serial, int from_program, int to_program);

/** After the program's end: what it has written still comes out; then serial_is_quiet(). */
void serial_program_ended(struct serial *serial);

/** True when an ended program's bytes are all taken and there is room for the boot loader's text. */
bool serial_is_quiet(const struct serial *serial);

/** For the boot loader, while no program runs. What finds no room is lost. */
void serial_write(struct serial *serial, const void *bytes, size_t len);

void serial_poll_add(struct serial *serial, struct poll_set *set);

/** @return false when the other end of the line is gone, and the board with it. */
bool serial_poll_done(struct serial *serial, const struct poll_set *set);

/** Brings out what is left, for a reader that reads; at most @p limit_ms. */
void serial_flush(struct serial *serial, int limit_ms);
