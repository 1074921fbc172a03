/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The table of clients, and shutdown() on them.
 *
 * An fd stays in the table exactly as long as it is the server's: close_fn takes it out, under the lock, before it is
 * closed. shutdown() runs under the same lock. So no shutdown() can meet an fd that has since been given to somebody
 * else, which is what makes closesocket() from outside so dangerous.
 */
#include <stdlib.h>
#include <sys/poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stop_object.h"

/* Looks in a row, one with each ping, at which a WebSocket must have been writable to be taken for one at rest. */
#define LOOKS_AT_REST 3

static __attribute__((noinline)) void lock(stop_object_t *gs)
{
    xSemaphoreTake(gs->table_lock, portMAX_DELAY);
}

static __attribute__((noinline)) void unlock(stop_object_t *gs)
{
    xSemaphoreGive(gs->table_lock);
}

esp_err_t sessions_create(stop_object_t *gs, unsigned slots)
{
    gs->sessions = calloc(slots + 1, sizeof(session_t)); /* never none, and the last one is never used */
    if (gs->sessions == NULL) {
        return ESP_ERR_NO_MEM;
    }
    gs->sessions_end = gs->sessions + slots;
    poke(gs->sessions_open, 0);
    return ESP_OK;
}

void sessions_delete(stop_object_t *gs)
{
    lock(gs); /* the server is gone, but a caller of stop() may be in sessions_force() */
    free(gs->sessions);
    gs->sessions = gs->sessions_end = NULL;
    unlock(gs);
}

/* The next open one that is not ended, after @p last or the first. table_lock held. */
static session_t *next_open(stop_object_t *gs, session_t *last)
{
    for (session_t *s = last != NULL ? last + 1 : gs->sessions; s < gs->sessions_end; s++) {
        if (s->fd != 0 && !s->ended) {
            return s;
        }
    }
    return NULL;
}

/* table_lock held. fd 0 finds a free entry. */
static session_t *find_session(stop_object_t *gs, int fd)
{
    for (session_t *s = gs->sessions; s < gs->sessions_end; s++) {
        if (s->fd == fd) {
            return s;
        }
    }
    return NULL;
}

void sessions_set_async(stop_object_t *gs, int fd, httpd_req_t *from, httpd_req_t *to)
{
    lock(gs);
    for (session_t *s = gs->sessions; s < gs->sessions_end; s++) {
        if (fd != 0 ? s->fd == fd : s->async == from) {
            s->async = to;
        }
    }
    unlock(gs);
}

/* Ready now, without waiting. An error counts as not ready: the caller then goes the careful way. */
static bool is_ready(int fd, short what)
{
    struct pollfd entry = {.fd = fd, .events = what};
    return poll(&entry, 1, 0) > 0 && (entry.revents & what) != 0;
}

static void end_session(session_t *session)
{
    shutdown(session->fd, SHUT_RDWR);
    session->ended = true;
}

static void force_session(stop_object_t *gs, session_t *session)
{
    end_session(session);
    stop_count(&gs->report.forced_count);
}

/*
 * CLOSE 1001 (going away) and a FIN behind it. Only the sending side is shut: were unread data from the client still
 * there, closing both would send a reset, and a reset makes many clients throw away the CLOSE. The server goes on
 * reading, until the client's own CLOSE or FIN.
 */
static void send_close(stop_object_t *gs, session_t *session)
{
    static const char close_1001[] = {(char)0x88, 2, 1001 >> 8, (char)(1001 & 0xff)};
    /* TLS has no MSG_DONTWAIT. But a socket that is writable has room for a record as short as this. */
    if (!is_ready(session->fd, POLLOUT)) {
        return;
    }
    if (httpd_socket_send(peek(gs->server), session->fd, close_1001, sizeof(close_1001), MSG_DONTWAIT) > 0) {
        shutdown(session->fd, SHUT_WR);
        session->close_sent = true;
        stop_count(&gs->report.websockets);
    }
}

/*
 * Whoever pushes is asked to stop, and gets half the drain limit for it. One who needs longer is held up by a client
 * that does not read, so that the writable ones are at rest even then.
 */
static bool may_close(stop_object_t *gs)
{
    return peek(gs->pushers) == 0 || (int32_t)(peek(gs->hold_until_ms) - stop_now_ms()) <= 0;
}

/*
 * A session is at rest here: its task is in this function, async requests are known, and who pushes has been asked.
 */
void sessions_drain(stop_object_t *gs)
{
    lock(gs);
    bool pushed = peek(gs->pushers) != 0, close = may_close(gs);
    for (session_t *s = NULL; (s = next_open(gs, s)) != NULL;) {
        if (s->async != NULL) {
            continue;
        }
        if (idf_is_ws_session(peek(gs->server), s->fd)) {
            if (!s->close_sent && close) {
                send_close(gs, s);
            }
        } else if (!pushed) {
            if (s->request_given || !is_ready(s->fd, POLLIN)) {
                end_session(s);
            }
            s->request_given = true; /* 503 is a better end than a reset */
        }
    }
    unlock(gs);
}

#ifdef CONFIG_HTTPD_WS_SUPPORT
/*
 * The server's task, in a handler or in work that is known here, is held up by a client that does not read. It sends
 * nothing else meanwhile, and reads from nobody but the handler's own client: so another WebSocket that was writable at
 * each look is at rest. It gets its CLOSE now, and not when that client has been cut. Not so with TLS: its send needs
 * more stack than the helper has.
 */
void sessions_close_beside_stalled(stop_object_t *gs)
{
    int inside_fd = peek(gs->inside_fd);
    if (inside_fd == INSIDE_NOTHING || gs->server_stop != httpd_stop) {
        return;
    }
    lock(gs);
    bool stalled = gs->stalled && may_close(gs);
    gs->stalled = false;
    for (session_t *s = NULL; (s = next_open(gs, s)) != NULL;) {
        if (!is_ready(s->fd, POLLOUT)) {
            s->writable_looks = 0;
            gs->stalled = true;
        } else if (++s->writable_looks >= LOOKS_AT_REST && stalled && s->fd != inside_fd && s->async == NULL &&
                   !s->close_sent && idf_is_ws_session(peek(gs->server), s->fd)) {
            send_close(gs, s);
        }
    }
    unlock(gs);
}
#endif

void sessions_force(stop_object_t *gs, bool all)
{
    int inside_fd = peek(gs->inside_fd);
    bool back = !peek(gs->ping_out), found = all;
    lock(gs);
    for (;;) {
        for (session_t *s = NULL; (s = next_open(gs, s)) != NULL;) {
            bool silent = s->close_sent && back; /* otherwise its answer may lie there, unread */
            if (all || s->fd == inside_fd || s->async != NULL || silent || !is_ready(s->fd, POLLOUT)) {
                force_session(gs, s);
                found = true;
            }
        }
        if (found || back) {
            break;
        }
        all = found = true; /* a handler that is not known holds the loop up, and it can be any of them */
    }
    unlock(gs);
}

/*
 * Never fails for a client that is merely unwanted: after an error of open_fn ESP-IDF closes the fd twice, and the
 * second time it may be somebody else's. shutdown() refuses as well.
 */
static esp_err_t on_open(httpd_handle_t server, int fd, unsigned slot)
{
    stop_object_t *gs = stop_in_slot(slot);
    bool refuse = peek(gs->state) == STATE_STOPPING;
    poke(gs->server_task, xTaskGetCurrentTaskHandle());

    lock(gs);
    session_t *session = find_session(gs, 0);
    if (session != NULL) {
        *session = (session_t){.fd = fd, .told_user = !refuse};
        poke(gs->sessions_open, peek(gs->sessions_open) + !refuse);
    }
    unlock(gs);
    if (session == NULL) { /* more than max_open_sockets: cannot be; on_close() leaves it to the server to close it */
        return ESP_FAIL;
    }
    if (refuse) {
        stop_count(&gs->report.refused);
    }
    if (refuse || (gs->user_open != NULL && gs->user_open(server, fd) != ESP_OK)) {
        lock(gs);
        end_session(session);
        unlock(gs);
    }
    return ESP_OK;
}

/*
 * Takes the session out of the table. ESP-IDF may end one on which a worker is still sending: the first releases with
 * async requests (5.2 to 5.2.3, 5.3, 5.3.1) when its client leaves or is cut off, all when httpd_sess_trigger_close()
 * asks for it. Then its fd would be closed, and its TLS freed, under the worker. After a shutdown() the worker's next
 * send fails, so this waits no longer than it is busy otherwise. One that never ends keeps the server's task here; the
 * stop then times out, as for any worker.
 * @return false when it is not there; @param told_user whether the application's open_fn has seen it
 */
static bool take_out(stop_object_t *gs, int fd, bool *told_user)
{
    for (;;) {
        lock(gs);
        session_t *session = find_session(gs, fd);
        bool there = session != NULL, busy = there && session->async != NULL;
        if (busy && !session->ended) {
            end_session(session);
        } else if (there && !busy) {
            *told_user = session->told_user;
            poke(gs->sessions_open, peek(gs->sessions_open) - session->told_user);
            session->fd = 0;
        }
        unlock(gs);
        if (!busy) {
            return there;
        }
        vTaskDelay(1);
        stop_ping(gs); /* the loop is not back, but what it does for a stop can be done here */
    }
}

static void on_close(httpd_handle_t server, int fd, unsigned slot)
{
    stop_object_t *gs = stop_in_slot(slot);
    bool told_user;
    if (!take_out(gs, fd, &told_user)) {
        return; /* its TLS handshake failed, so on_open() never saw it: the server closes the fd itself after this */
    }
    if (told_user && gs->user_close != NULL) {
        gs->user_close(server, fd);
    } else {
        close(fd);
    }
    stop_notify(gs);
}

/*
 * open_fn and close_fn carry no argument of ours, and the server's handle does not tell objects apart: it is unknown
 * until httpd_start() has returned, though the server's task runs by then, and a new server may get the address of one
 * that is being freed. A pair of functions for each object does.
 */
#define SLOT_FUNCTIONS(slot)                                       \
    static esp_err_t on_open_##slot(httpd_handle_t server, int fd) \
    {                                                              \
        return on_open(server, fd, slot);                          \
    }                                                              \
    static void on_close_##slot(httpd_handle_t server, int fd)     \
    {                                                              \
        on_close(server, fd, slot);                                \
    }

SLOT_FUNCTIONS(0)
SLOT_FUNCTIONS(1)
SLOT_FUNCTIONS(2)
SLOT_FUNCTIONS(3)

const session_functions_t stop_session_functions[STOP_MAX_OBJECTS] = {
    {on_open_0, on_close_0},
    {on_open_1, on_close_1},
    {on_open_2, on_close_2},
    {on_open_3, on_close_3},
};
