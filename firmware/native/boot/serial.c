/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The serial line's bytes: a ring of fixed size between the program's pipe and stdout or a pty. While the ring is full
 * the pipe is not read, so the writer blocks, and the supervisor never does.
 */
#define _GNU_SOURCE
#include "serial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "board_clock.h"
#include "pty.h"

/* Room that a boot needs: the boot ROM's and the boot loader's lines, and the partition table. */
#define BOOT_TEXT_ROOM 8192u

/*
 * Non-blocking, yet without setting O_NONBLOCK on a description that we share with whoever started us: a terminal, or a
 * pipe that our parent uses as well. Opening it anew gives one of our own. A file on disk never blocks and keeps its
 * offset only in the shared description; a socket is written with MSG_DONTWAIT.
 */
static int private_stdout(void)
{
    struct stat info;
    if (fstat(STDOUT_FILENO, &info) == 0 && (S_ISFIFO(info.st_mode) || S_ISCHR(info.st_mode))) {
        int fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (fd >= 0) {
            return fd;
        }
    }
    return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
}

/*
 * /dev/null (what CTest gives a test) or a file is at its end from the start: that tells nothing of who started us.
 * Then the board lives as long as the process that started it.
 */
static bool somebody_holds_stdin(void)
{
    struct stat in;
    return fstat(STDIN_FILENO, &in) == 0 && (S_ISFIFO(in.st_mode) || S_ISSOCK(in.st_mode) || isatty(STDIN_FILENO));
}

bool serial_open(struct serial *serial, enum serial_kind kind, bool lifeline, char *why, size_t why_size)
{
    memset(serial, 0, sizeof(*serial));
    serial->kind = kind;
    serial->lifeline_fd = kind == SERIAL_PTY && lifeline ? STDIN_FILENO : -1;
    serial->pty_events = serial->from_program = serial->to_program = serial->out_fd = serial->in_fd = -1;
    serial->program_drained = true;
    if (kind == SERIAL_PTY) {
        serial->out_fd = serial->in_fd =
            pty_open(serial->name, sizeof(serial->name), &serial->pty_events, why, why_size);
        return serial->out_fd >= 0;
    }
    strcpy(serial->name, "stdio");
    if (somebody_holds_stdin()) {
        serial->in_fd = STDIN_FILENO;
    } else {
        serial->lifeline_fd = pidfd_open(getppid(), 0);
    }
    serial->out_fd = private_stdout();
    if (serial->out_fd < 0 || fcntl(STDIN_FILENO, F_GETFD) < 0) {
        snprintf(why, why_size, "--serial stdio: stdin or stdout is closed: leave both open");
        return false;
    }
    return true;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

void serial_close(struct serial *serial)
{
    close_fd(&serial->from_program);
    close_fd(&serial->to_program);
    close_fd(&serial->pty_events);
    close_fd(&serial->out_fd);
}

void serial_attach(struct serial *serial, int from_program, int to_program)
{
    serial->from_program = from_program;
    serial->to_program = to_program;
    serial->program_drained = false;
    fcntl(from_program, F_SETFL, O_NONBLOCK);
    fcntl(to_program, F_SETFL, O_NONBLOCK);
}

/* Returns the bytes taken, 0 for none now; closes the pipe at its end. */
static size_t take_from_program(struct serial *serial)
{
    size_t room = SERIAL_BUFFER - serial->used;
    size_t end = (serial->start + serial->used) % SERIAL_BUFFER;
    size_t first = room < SERIAL_BUFFER - end ? room : SERIAL_BUFFER - end;
    struct iovec parts[2] = {{serial->buffer + end, first}, {serial->buffer, room - first}};

    if (room == 0 || serial->from_program < 0) {
        return 0;
    }
    ssize_t taken = readv(serial->from_program, parts, 2);
    if (taken > 0) {
        serial->used += (size_t)taken;
        return (size_t)taken;
    }
    if (taken == 0 || (errno != EAGAIN && errno != EINTR)) {
        close_fd(&serial->from_program);
    }
    return 0;
}

void serial_program_ended(struct serial *serial)
{
    close_fd(&serial->to_program);
    while (take_from_program(serial) > 0) {
    }
    /* Nothing more although there was room: all is said, even if some process kept the pipe open. */
    if (serial->used < SERIAL_BUFFER) {
        close_fd(&serial->from_program);
        serial->program_drained = true;
    }
}

bool serial_is_quiet(const struct serial *serial)
{
    return serial->program_drained && SERIAL_BUFFER - serial->used >= BOOT_TEXT_ROOM;
}

void serial_write(struct serial *serial, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;
    for (; len > 0 && serial->used < SERIAL_BUFFER; len--) {
        serial->buffer[(serial->start + serial->used++) % SERIAL_BUFFER] = *from++;
    }
}

/* With nobody attached the line leads into the air: the board speaks on, and nothing is kept. */
static void discard_if_nobody_attached(struct serial *serial)
{
    if (serial->kind != SERIAL_PTY) {
        return;
    }
    bool attached = pty_is_attached(serial->out_fd);
    if (!attached) {
        serial->used = 0;
    }
    if (serial->attached && !attached) {
        pty_forget_unread(serial->out_fd, serial->name);
    }
    serial->attached = attached;
}

static ssize_t write_out(struct serial *serial, const uint8_t *bytes, size_t len)
{
    ssize_t sent = send(serial->out_fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 && errno == ENOTSOCK ? write(serial->out_fd, bytes, len) : sent;
}

/* Returns false when the reader is gone for good. */
static bool bring_out(struct serial *serial)
{
    if (serial->used > 0) {
        discard_if_nobody_attached(serial);
    }
    serial->out_waits = false;
    while (serial->used > 0) {
        size_t len = SERIAL_BUFFER - serial->start;
        ssize_t sent = write_out(serial, serial->buffer + serial->start, serial->used < len ? serial->used : len);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            serial->out_waits = true;
            return errno == EAGAIN || serial->kind == SERIAL_PTY;
        }
        serial->start = (serial->start + (size_t)sent) % SERIAL_BUFFER;
        serial->used -= (size_t)sent;
    }
    return true;
}

void serial_poll_add(struct serial *serial, struct poll_set *set)
{
    bool room = serial->used < SERIAL_BUFFER;
    serial->program_place = poll_set_add(set, room ? serial->from_program : -1, POLLIN);
    serial->out_place = poll_set_add(set, serial->out_waits ? serial->out_fd : -1, POLLOUT);
    serial->in_place = poll_set_add(set, serial->kind == SERIAL_PTY ? serial->pty_events : serial->in_fd, POLLIN);
    serial->lifeline_place = poll_set_add(set, serial->lifeline_fd, POLLIN);
}

/*
 * Input that the program does not fetch is lost when its pipe is full, as in a UART's FIFO; so its end is always seen.
 * Returns false at the end of the input.
 */
static bool bring_in(int from, int to)
{
    uint8_t bytes[4096];
    ssize_t got = read(from, bytes, sizeof(bytes));
    if (got > 0 && to >= 0) {
        (void)!write(to, bytes, (size_t)got);
    }
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

static void bring_in_from_pty(struct serial *serial)
{
    struct epoll_event seen;
    uint8_t bytes[4096];
    ssize_t got;
    while (epoll_wait(serial->pty_events, &seen, 1, 0) > 0) {
    }
    while ((got = read(serial->in_fd, bytes, sizeof(bytes))) > 0) { /* to the end: an edge is said once */
        if (serial->to_program >= 0) {
            (void)!write(serial->to_program, bytes, (size_t)got);
        }
    }
    discard_if_nobody_attached(serial); /* the edge may have been a reader that left */
}

bool serial_poll_done(struct serial *serial, const struct poll_set *set)
{
    if (poll_set_result(set, serial->lifeline_place) && !bring_in(serial->lifeline_fd, -1)) {
        return false; /* a pidfd cannot be read: an error, and so the end */
    }
    if (poll_set_result(set, serial->in_place)) {
        if (serial->kind == SERIAL_PTY) {
            bring_in_from_pty(serial);
        } else if (!bring_in(serial->in_fd, serial->to_program)) {
            return false;
        }
    }
    if (poll_set_result(set, serial->program_place)) {
        take_from_program(serial);
    }
    return bring_out(serial);
}

void serial_flush(struct serial *serial, int limit_ms)
{
    int64_t end_ms = clock_now_ms() + limit_ms;
    for (;;) {
        bool had_room = serial->used < SERIAL_BUFFER;
        size_t taken = take_from_program(serial);
        if (!bring_out(serial) || (serial->used == 0 && had_room && taken == 0)) {
            return;
        }
        struct pollfd out = {.fd = serial->out_fd, .events = POLLOUT};
        int64_t left_ms = end_ms - clock_now_ms();
        if (left_ms <= 0 || (serial->used > 0 && poll(&out, 1, (int)left_ms) <= 0)) {
            return;
        }
    }
}
