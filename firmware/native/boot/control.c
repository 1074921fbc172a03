/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Sockets of the control connection; what the commands do is in commands.c.
 */
#define _GNU_SOURCE
#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "commands.h"

static bool address_of(struct sockaddr_un *address, const char *path)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address->sun_path)) {
        return false;
    }
    strcpy(address->sun_path, path);
    return true;
}

/* A socket file whose owner was killed answers no connect(): only such a one may be removed. */
static bool is_left_over(const char *path)
{
    struct stat info;
    struct sockaddr_un address;
    if (lstat(path, &info) != 0 || !S_ISSOCK(info.st_mode) || !address_of(&address, path)) {
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool refused = connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

/* Binds under another name and links it to its own when it listens: whoever sees the file can connect. */
static bool listen_at(struct control *control, const char *path, char *why, size_t why_size)
{
    char hidden[sizeof(((struct sockaddr_un *)0)->sun_path) + 32];
    struct sockaddr_un address;
    struct stat info;

    snprintf(hidden, sizeof(hidden), "%s.%d", path, (int)getpid());
    if (!address_of(&address, hidden)) {
        snprintf(why, why_size, "--control %s: too long for a Unix socket: choose a path under %zu characters", path,
                 sizeof(address.sun_path) - 10);
        return false;
    }
    unlink(hidden); /* of a process that had our number */
    control->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (control->listen_fd < 0 || bind(control->listen_fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(control->listen_fd, CONTROL_CLIENTS) != 0) {
        snprintf(why, why_size, "--control %s: %s: choose a path in a folder that can be written", path,
                 strerror(errno));
        return false;
    }
    if (is_left_over(path)) {
        unlink(path);
    }
    bool linked = link(hidden, path) == 0 && stat(path, &info) == 0;
    int error = errno;
    unlink(hidden);
    if (!linked) {
        snprintf(why, why_size, "--control %s: %s: choose another path", path,
                 error == EEXIST ? "exists and is in use" : strerror(error));
        return false;
    }
    control->path = path;
    control->device = info.st_dev;
    control->inode = info.st_ino;
    return true;
}

bool control_open(struct control *control, const char *path, char *why, size_t why_size)
{
    *control = (struct control){.listen_fd = -1, .place = POLL_SET_NONE};
    for (int i = 0; i < CONTROL_CLIENTS; i++) {
        control->clients[i].fd = -1;
    }
    return path == NULL || listen_at(control, path, why, why_size);
}

static void drop(struct control_client *client)
{
    close(client->fd);
    client->fd = -1;
}

void control_close(struct control *control)
{
    struct stat info;
    for (int i = 0; i < CONTROL_CLIENTS; i++) {
        if (control->clients[i].fd >= 0) {
            drop(&control->clients[i]);
        }
    }
    if (control->path != NULL && lstat(control->path, &info) == 0 && info.st_dev == control->device &&
        info.st_ino == control->inode) {
        unlink(control->path);
    }
    if (control->listen_fd >= 0) {
        close(control->listen_fd);
        control->listen_fd = -1;
    }
}

void control_poll_add(struct control *control, struct poll_set *set)
{
    bool room = false;
    for (int i = 0; i < CONTROL_CLIENTS; i++) {
        control->clients[i].place = poll_set_add(set, control->clients[i].fd, POLLIN);
        room = room || control->clients[i].fd < 0;
    }
    control->place = poll_set_add(set, room ? control->listen_fd : -1, POLLIN);
}

static void accept_client(struct control *control)
{
    int fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    for (int i = 0; fd >= 0 && i < CONTROL_CLIENTS; i++) {
        if (control->clients[i].fd < 0) {
            control->clients[i] = (struct control_client){.fd = fd, .place = POLL_SET_NONE};
            return;
        }
    }
}

static bool answer(const struct control_client *client, struct supervisor *board, char *command)
{
    char *reply = command_run(board, command);
    size_t len = strlen(reply);
    ssize_t sent = send(client->fd, reply, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    free(reply);
    return sent == (ssize_t)len; /* one that does not read its answers is dropped, not waited for */
}

static bool take_commands(struct control_client *client, struct supervisor *board)
{
    ssize_t got = recv(client->fd, client->line + client->used, CONTROL_LINE - client->used, MSG_DONTWAIT);
    if (got <= 0) {
        return got < 0 && (errno == EAGAIN || errno == EINTR);
    }
    client->used += (size_t)got;
    for (char *end; (end = memchr(client->line, '\n', client->used)) != NULL;) {
        *end = '\0';
        if (!answer(client, board, client->line)) {
            return false;
        }
        client->used -= (size_t)(end + 1 - client->line);
        memmove(client->line, end + 1, client->used);
    }
    if (client->used == CONTROL_LINE) {
        char too_long[] = "(longer than a command can be)";
        answer(client, board, too_long);
        return false;
    }
    return true;
}

void control_poll_done(struct control *control, struct supervisor *board, const struct poll_set *set)
{
    for (int i = 0; i < CONTROL_CLIENTS; i++) {
        struct control_client *client = &control->clients[i];
        if (client->fd >= 0 && poll_set_result(set, client->place) && !take_commands(client, board)) {
            drop(client);
        }
    }
    if (poll_set_result(set, control->place)) {
        accept_client(control);
    }
}
