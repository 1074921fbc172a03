/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * libslirp inside the supervisor's loop. Slirp is single-threaded, and so is the supervisor: nothing here is locked.
 */
#define _GNU_SOURCE
#include "network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "board_clock.h"
#include "board_link.h"

/*
 * What the kernel may hold for a client that does not read. With its default (2.5 MB and more on loopback) a board's
 * send would hardly ever block, and no test with a stalled client would test anything.
 */
#define HOST_SEND_BUFFER 16384

/* slirp listens with a backlog of 1: of several clients at once one would wait a second for its SYN to be repeated. */
#define LISTEN_BACKLOG 64

/* Frames taken from the program in one turn, so that a flood does not starve slirp and the control socket. */
#define FRAMES_A_TURN 64

struct network_timer {
    struct network_timer *next;
    SlirpTimerCb expire;
    void *ctx;
    int64_t due_ms; /* -1: not running */
};

static ssize_t slirp_sends(const void *frame, size_t len, void *ctx)
{
    struct network *network = ctx;
    wire_send(&network->wire, WIRE_TO_BOARD, frame, len);
    return (ssize_t)len;
}

static void arrive(void *ctx, enum wire_way way, const uint8_t *frame, size_t len)
{
    struct network *network = ctx;
    if (way == WIRE_FROM_BOARD) {
        slirp_input(network->slirp, frame, (int)len);
    } else if (network->program_fd >= 0) {
        /* A card whose program does not fetch its frames loses them. */
        (void)!send(network->program_fd, frame, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

/* A malformed frame is the board's own affair, and a test's purpose at times: slirp drops it, and that is all. */
static void ignore_guest_error(const char *message, void *ctx)
{
    (void)message;
    (void)ctx;
}

static int64_t slirp_asks_time_ns(void *ctx)
{
    (void)ctx;
    return clock_now_ns();
}

static void *timer_new(SlirpTimerCb expire, void *timer_ctx, void *ctx)
{
    struct network *network = ctx;
    struct network_timer *timer = calloc(1, sizeof(*timer));
    if (timer == NULL) {
        abort(); /* slirp takes no NULL here */
    }
    *timer = (struct network_timer){network->timers, expire, timer_ctx, -1};
    network->timers = timer;
    return timer;
}

static void timer_free(void *timer, void *ctx)
{
    struct network *network = ctx;
    for (struct network_timer **at = &network->timers; *at != NULL; at = &(*at)->next) {
        if (*at == timer) {
            *at = (*at)->next;
            free(timer);
            return;
        }
    }
}

static void timer_start(void *timer, int64_t due_ms, void *ctx)
{
    (void)ctx;
    ((struct network_timer *)timer)->due_ms = due_ms;
}

static void socket_opened(int fd, void *ctx)
{
    (void)ctx;
    int bytes = HOST_SEND_BUFFER;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static void socket_closed(int fd, void *ctx)
{
    (void)fd;
    (void)ctx;
}

static void nobody_to_wake(void *ctx)
{
    (void)ctx; /* slirp runs in the loop that it would wake */
}

static const SlirpCb CALLBACKS = {
    .send_packet = slirp_sends,
    .guest_error = ignore_guest_error,
    .clock_get_ns = slirp_asks_time_ns,
    .timer_new = timer_new,
    .timer_free = timer_free,
    .timer_mod = timer_start,
    .register_poll_fd = socket_opened,
    .unregister_poll_fd = socket_closed,
    .notify = nobody_to_wake,
};

static bool is_known(const struct network *network, int listening_fd)
{
    for (int i = 0; i < network->forward_count; i++) {
        if (network->forwards[i].listening_fd == listening_fd) {
            return true;
        }
    }
    return false;
}

/*
 * Slirp does not say which port the kernel chose for port 0, but lists its listening sockets. Asking the kernel by that
 * list leaves no moment in which another process could take the port, as closing a probe socket first would.
 */
static int find_new_listener(const struct network *network)
{
    int found = -1;
    char *list = slirp_connection_info(network->slirp);
    char *rest = list;
    for (char *line; found < 0 && (line = strsep(&rest, "\n")) != NULL;) {
        int fd;
        if (sscanf(line, " TCP[HOST_FORWARD] %d", &fd) == 1 && !is_known(network, fd)) {
            found = fd;
        }
    }
    free(list);
    return found;
}

static bool add_forward(struct network *network, const struct forward *asked, char *why, size_t why_size)
{
    char host[INET_ADDRSTRLEN];
    struct sockaddr_in bound = {0};
    socklen_t bound_size = sizeof(bound);

    inet_ntop(AF_INET, &asked->host_addr, host, sizeof(host));
    if (slirp_add_hostfwd(network->slirp, 0, asked->host_addr, asked->host_port, network->board, asked->board_port) !=
        0) {
        snprintf(why, why_size, "--forward: cannot listen on %s:%u (%s): choose another port, or 0 for a free one",
                 host, asked->host_port, strerror(errno));
        return false;
    }
    int fd = find_new_listener(network);
    if (fd < 0 || getsockname(fd, (struct sockaddr *)&bound, &bound_size) != 0) {
        snprintf(why, why_size, "--forward: libslirp %s does not list its socket for %s:%u: use another libslirp",
                 slirp_version_string(), host, asked->host_port);
        return false;
    }
    listen(fd, LISTEN_BACKLOG);
    network->forwards[network->forward_count++] =
        (struct open_forward){.asked = *asked, .host_port = ntohs(bound.sin_port), .listening_fd = fd};
    return true;
}

static bool start_slirp(struct network *network, char *why, size_t why_size)
{
    const SlirpConfig config = {
        .version = 3, /* the first with disable_dns */
        .in_enabled = true,
        .vnetwork.s_addr = inet_addr("10.0.2.0"),
        .vnetmask.s_addr = inet_addr("255.255.255.0"),
        .vhost.s_addr = inet_addr("10.0.2.2"),
        .vdhcp_start = network->board,
        .vnameserver.s_addr = inet_addr("10.0.2.3"),
        .vhostname = "native-board",
        .disable_dns = true,
    };
    network->slirp = slirp_new(&config, &CALLBACKS, network);
    if (network->slirp == NULL) {
        snprintf(why, why_size, "libslirp %s does not start: use 4.3 or newer", slirp_version_string());
        return false;
    }
    return true;
}

bool network_open(struct network *network, const struct options *options, char *why, size_t why_size)
{
    *network =
        (struct network){.program_fd = -1, .program_place = POLL_SET_NONE, .board.s_addr = inet_addr("10.0.2.15")};
    wire_init(&network->wire, options->seed, arrive, network);
    if (!start_slirp(network, why, why_size)) {
        return false;
    }
    for (int i = 0; i < options->forward_count; i++) {
        if (!add_forward(network, &options->forwards[i], why, why_size)) {
            return false;
        }
    }
    return true;
}

bool network_move(struct network *network, struct in_addr address, char *why, size_t why_size)
{
    const uint8_t moved = BOARD_NET_MOVED;
    if (network->program_fd >= 0 && send(network->program_fd, &moved, 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1) {
        snprintf(why, why_size, "address: the program does not fetch what comes to its network card: try again");
        return false;
    }
    const int count = network->forward_count;
    slirp_cleanup(network->slirp);
    network->board = address;
    network->forward_count = 0;
    if (!start_slirp(network, why, why_size)) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        struct forward again = network->forwards[i].asked;
        again.host_port = network->forwards[i].host_port; /* also where any would have done: it was told */
        if (!add_forward(network, &again, why, why_size)) {
            return false;
        }
    }
    return true;
}

void network_close(struct network *network)
{
    wire_close(&network->wire);
    if (network->slirp != NULL) {
        slirp_cleanup(network->slirp);
        network->slirp = NULL;
    }
}

void network_attach(struct network *network, int program_fd)
{
    network->program_fd = program_fd;
    network->program_place = POLL_SET_NONE;
}

static int slirp_adds(int fd, int events, void *ctx)
{
    struct network *network = ctx;
    short wanted = (short)((events & SLIRP_POLL_IN ? POLLIN : 0) | (events & SLIRP_POLL_OUT ? POLLOUT : 0) |
                           (events & SLIRP_POLL_PRI ? POLLPRI : 0));
    return poll_set_add(network->turn, fd, wanted);
}

static int slirp_asks_result(int place, void *ctx)
{
    struct network *network = ctx;
    short seen = poll_set_result(network->turn, place);
    return (seen & POLLIN ? SLIRP_POLL_IN : 0) | (seen & POLLOUT ? SLIRP_POLL_OUT : 0) |
           (seen & POLLPRI ? SLIRP_POLL_PRI : 0) | (seen & POLLERR ? SLIRP_POLL_ERR : 0) |
           (seen & POLLHUP ? SLIRP_POLL_HUP : 0);
}

void network_poll_add(struct network *network, struct poll_set *set)
{
    network->turn = set;
    slirp_pollfds_fill(network->slirp, &set->timeout_ms, slirp_adds, network);
    network->program_place = poll_set_add(set, network->program_fd, POLLIN);
    for (const struct network_timer *timer = network->timers; timer != NULL; timer = timer->next) {
        if (timer->due_ms >= 0) {
            poll_set_wake_within(set, timer->due_ms - clock_now_ms());
        }
    }
    int64_t arrival_ms = wire_next_arrival_ms(&network->wire);
    if (arrival_ms >= 0) {
        poll_set_wake_within(set, arrival_ms);
    }
}

static void take_frames(struct network *network)
{
    uint8_t frame[WIRE_MAX_FRAME];
    for (int i = 0; i < FRAMES_A_TURN; i++) {
        ssize_t len = recv(network->program_fd, frame, sizeof(frame), MSG_DONTWAIT | MSG_TRUNC);
        if (len == 0 || (len < 0 && errno != EAGAIN && errno != EINTR)) {
            network_attach(network, -1); /* the program has closed its card; its end may still be seen later */
            return;
        }
        if (len < 0) {
            return;
        }
        if ((size_t)len <= sizeof(frame)) {
            wire_send(&network->wire, WIRE_FROM_BOARD, frame, (size_t)len);
        }
    }
}

void network_poll_done(struct network *network, struct poll_set *set, bool poll_failed)
{
    network->turn = set;
    if (network->program_fd >= 0 && poll_set_result(set, network->program_place) != 0) {
        take_frames(network);
    }
    wire_deliver_due(&network->wire);
    /* Last: it sends what was waiting for an ARP answer that came in just now, and nothing else would before long. */
    slirp_pollfds_poll(network->slirp, poll_failed, slirp_asks_result, network);
    for (struct network_timer *timer = network->timers, *next; timer != NULL; timer = next) {
        next = timer->next;
        if (timer->due_ms >= 0 && timer->due_ms <= clock_now_ms()) {
            timer->due_ms = -1;
            timer->expire(timer->ctx);
        }
    }
}
