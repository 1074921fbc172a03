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
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stop_object.h"

esp_err_t sessions_create(httpd_graceful_stop_handle_t gs, size_t slots)
{
    gs->sessions = calloc(slots > 0 ? slots : 1, sizeof(session_t));
    if (gs->sessions == NULL) {
        return ESP_ERR_NO_MEM;
    }
    gs->session_slots = slots;
    for (size_t i = 0; i < slots; i++) {
        gs->sessions[i].fd = -1;
    }
    return ESP_OK;
}

void sessions_delete(httpd_graceful_stop_handle_t gs)
{
    xSemaphoreTake(gs->table_lock, portMAX_DELAY);
    free(gs->sessions);
    gs->sessions = NULL;
    gs->session_slots = 0;
    xSemaphoreGive(gs->table_lock);
}

/* table_lock held. fd -1 finds a free entry. */
static session_t *find_session(httpd_graceful_stop_handle_t gs, int fd)
{
    for (size_t i = 0; i < gs->session_slots; i++) {
        if (gs->sessions[i].fd == fd) {
            return &gs->sessions[i];
        }
    }
    return NULL;
}

unsigned sessions_count(httpd_graceful_stop_handle_t gs)
{
    unsigned open = 0;
    xSemaphoreTake(gs->table_lock, portMAX_DELAY);
    for (size_t i = 0; i < gs->session_slots; i++) {
        open += gs->sessions[i].fd >= 0 && !gs->sessions[i].ended;
    }
    xSemaphoreGive(gs->table_lock);
    return open;
}

void sessions_set_async(httpd_graceful_stop_handle_t gs, int fd, httpd_req_t *copy)
{
    xSemaphoreTake(gs->table_lock, portMAX_DELAY);
    session_t *session = find_session(gs, fd);
    if (session != NULL) {
        session->async = copy;
    }
    xSemaphoreGive(gs->table_lock);
}

void sessions_clear_async(httpd_graceful_stop_handle_t gs, httpd_req_t *copy)
{
    xSemaphoreTake(gs->table_lock, portMAX_DELAY);
    for (size_t i = 0; i < gs->session_slots; i++) {
        if (gs->sessions[i].async == copy) {
            gs->sessions[i].async = NULL;
        }
    }
    xSemaphoreGive(gs->table_lock);
}

/* Ready now, without waiting. An error counts as not ready: the caller then goes the careful way. */
static bool is_ready(int fd, bool to_write)
{
    fd_set set;
    struct timeval now = {0, 0};
    FD_ZERO(&set);
    FD_SET(fd, &set);
    return select(fd + 1, to_write ? NULL : &set, to_write ? &set : NULL, NULL, &now) > 0;
}

static void end_session(session_t *session)
{
    shutdown(session->fd, SHUT_RDWR);
    session->ended = true;
}

/*
 * CLOSE 1001 (going away) and a FIN behind it. Only the sending side is shut: were unread data from the client still
 * there, closing both would send a reset, and a reset makes many clients throw away the CLOSE. The server goes on
 * reading, until the client's own CLOSE or FIN.
 */
static void send_close(httpd_graceful_stop_handle_t gs, session_t *session)
{
    static const char close_1001[] = {(char)0x88, 2, 1001 >> 8, (char)(1001 & 0xff)};
    /* TLS has no MSG_DONTWAIT. But a socket that is writable has room for a record as short as this. */
    if (!is_ready(session->fd, true)) {
        return;
    }
    int sent =
        httpd_socket_send(atomic_load(&gs->server), session->fd, close_1001, sizeof(close_1001), MSG_DONTWAIT);
    if (sent == (int)sizeof(close_1001)) {
        shutdown(session->fd, SHUT_WR);
        session->close_sent = true;
        atomic_fetch_add(&gs->websockets, 1);
    } else if (sent > 0) { /* half a frame is worse than none */
        end_session(session);
        atomic_fetch_add(&gs->forced, 1);
    }
}

/*
 * A session is at rest here: its task is in this function, and async requests are known. What remains is what somebody
 * pushes under a lease, to a session unknown; it is asked to stop, and gets half the drain limit for it. One who needs
 * longer is held up by a client that does not read, so that the writable ones are at rest even then.
 */
unsigned sessions_drain(httpd_graceful_stop_handle_t gs)
{
    unsigned left = 0;
    bool pushing = atomic_load(&gs->leases) > atomic_load(&gs->async_leases);
    bool hold_close = pushing && (int32_t)(atomic_load(&gs->hold_until_ms) - stop_now_ms()) > 0;
    xSemaphoreTake(gs->table_lock, portMAX_DELAY);
    for (size_t i = 0; i < gs->session_slots; i++) {
        session_t *session = &gs->sessions[i];
        if (session->fd < 0 || session->ended) {
            continue;
        }
        if (session->async != NULL) {
            left++;
        } else if (idf_is_ws_session(atomic_load(&gs->server), session->fd)) {
            left++;
            if (!session->close_sent && !hold_close) {
                send_close(gs, session);
            }
        } else if (pushing) {
            left++;
        } else if (!session->request_given && is_ready(session->fd, false)) {
            session->request_given = true; /* 503 is a better end than a reset */
            left++;
        } else {
            end_session(session);
        }
    }
    xSemaphoreGive(gs->table_lock);
    return left;
}

void sessions_force(httpd_graceful_stop_handle_t gs, bool all, bool loop_is_back)
{
    int inside_fd = atomic_load(&gs->inside_fd);
    /* The loop is held up, and by no handler that is known: it can be any of them. */
    bool any = all || (!loop_is_back && inside_fd < 0);
    xSemaphoreTake(gs->table_lock, portMAX_DELAY);
    for (size_t i = 0; i < gs->session_slots; i++) {
        session_t *session = &gs->sessions[i];
        if (session->fd < 0 || session->ended) {
            continue;
        }
        if (any || session->fd == inside_fd || session->async != NULL || session->close_sent ||
            !is_ready(session->fd, true)) {
            end_session(session);
            atomic_fetch_add(&gs->forced, 1);
        }
    }
    xSemaphoreGive(gs->table_lock);
}

/*
 * Never fails for a client that is merely unwanted: after an error of open_fn ESP-IDF closes the fd twice, and the
 * second time it may be somebody else's. shutdown() refuses as well.
 */
static esp_err_t on_open(unsigned slot, httpd_handle_t server, int fd)
{
    httpd_graceful_stop_handle_t gs = atomic_load(&stop_objects[slot]);
    atomic_store(&gs->server_task, xTaskGetCurrentTaskHandle());
    bool refuse = atomic_load(&gs->state) == STATE_STOPPING;

    xSemaphoreTake(gs->table_lock, portMAX_DELAY);
    session_t *session = find_session(gs, -1);
    if (session != NULL) {
        *session = (session_t){.fd = fd, .told_user = !refuse, .ended = refuse};
    }
    xSemaphoreGive(gs->table_lock);
    if (session == NULL) { /* more than max_open_sockets: cannot be; on_close() leaves it to the server to close it */
        return ESP_FAIL;
    }
    if (refuse) {
        atomic_fetch_add(&gs->refused, 1);
        shutdown(fd, SHUT_RDWR);
    } else if (gs->user_open != NULL && gs->user_open(server, fd) != ESP_OK) {
        xSemaphoreTake(gs->table_lock, portMAX_DELAY);
        end_session(session);
        xSemaphoreGive(gs->table_lock);
    }
    return ESP_OK;
}

static void on_close(unsigned slot, httpd_handle_t server, int fd)
{
    httpd_graceful_stop_handle_t gs = atomic_load(&stop_objects[slot]);
    xSemaphoreTake(gs->table_lock, portMAX_DELAY);
    session_t *session = find_session(gs, fd);
    bool told_user = session != NULL && session->told_user;
    if (session != NULL) {
        session->fd = -1;
        session->async = NULL;
    }
    xSemaphoreGive(gs->table_lock);
    if (session == NULL) {
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
#define SLOT_FUNCTIONS(slot)                                     \
    static esp_err_t on_open_##slot(httpd_handle_t server, int fd) \
    {                                                            \
        return on_open(slot, server, fd);                        \
    }                                                            \
    static void on_close_##slot(httpd_handle_t server, int fd)   \
    {                                                            \
        on_close(slot, server, fd);                              \
    }

SLOT_FUNCTIONS(0)
SLOT_FUNCTIONS(1)
SLOT_FUNCTIONS(2)
SLOT_FUNCTIONS(3)

const httpd_open_func_t stop_open_fns[STOP_MAX_OBJECTS] = {on_open_0, on_open_1, on_open_2, on_open_3};
const httpd_close_func_t stop_close_fns[STOP_MAX_OBJECTS] = {on_close_0, on_close_1, on_close_2, on_close_3};
