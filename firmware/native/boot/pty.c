/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A pty tells by POLLHUP on its master that nobody has the slave open, if somebody had before. poll() reports that
 * again and again and no mask helps, so an edge-triggered epoll stands in between, which says each change once.
 */
#define _GNU_SOURCE
#include "pty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <termios.h>
#include <unistd.h>

int pty_open(char *name, size_t name_size, int *events, char *why, size_t why_size)
{
    struct epoll_event edge = {.events = EPOLLIN | EPOLLET};
    struct termios raw;
    int slave = -1;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

    *events = epoll_create1(EPOLL_CLOEXEC);
    if (master < 0 || *events < 0 || grantpt(master) != 0 || unlockpt(master) != 0 ||
        ptsname_r(master, name, name_size) != 0 || (slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0 ||
        tcgetattr(slave, &raw) != 0 || epoll_ctl(*events, EPOLL_CTL_ADD, master, &edge) != 0) {
        snprintf(why, why_size, "--serial pty: no pseudo terminal (%s): see that /dev/pts is mounted", strerror(errno));
        return -1;
    }
    cfmakeraw(&raw);
    tcsetattr(slave, TCSANOW, &raw);
    close(slave); /* from now on POLLHUP tells that nobody is attached */
    return master;
}

bool pty_is_attached(int master)
{
    struct pollfd state = {.fd = master};
    return poll(&state, 1, 0) <= 0 || !(state.revents & POLLHUP);
}

void pty_forget_unread(int master, const char *name)
{
    tcflush(master, TCOFLUSH); /* on its way; what has arrived only the slave's side can throw away */
    int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (slave >= 0) {
        tcflush(slave, TCIFLUSH);
        close(slave);
    }
}
