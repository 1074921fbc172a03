/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server_stand_in.h"

#include <poll.h>

#include "esp_http_server.h"

#include "fuzz.h"
#include "tasks_stand_in.h"

#define CONTROL_MAX  6
#define SESSIONS_MAX 4

struct datagram {
    httpd_work_fn_t work; /* NULL: stop */
    void *arg;
};

struct server {
    httpd_config_t config;
    httpd_uri_t handler;
    bool has_handler, stopped, something;
    struct datagram control[CONTROL_MAX];
    unsigned control_count;
    int fds[SESSIONS_MAX];
};

unsigned server_opened[SERVER_FDS], server_closed[SERVER_FDS];
static bool is_shut[SERVER_FDS], is_ws[SERVER_FDS], is_async[SERVER_FDS];
static int next_fd;

void server_begin(void)
{
    memset(server_opened, 0, sizeof server_opened);
    memset(server_closed, 0, sizeof server_closed);
    next_fd = 3;
}

bool server_client_reads(int fd)
{
    return !is_shut[fd];
}

int fake_close(int fd)
{
    if (fd >= 0) {
        HOLDS(fd < SERVER_FDS && server_opened[fd] == 1);
        server_closed[fd]++;
        HOLDS(server_closed[fd] == 1);
    }
    return 0;
}

int fake_shutdown(int fd, int how)
{
    HOLDS(fd >= 0 && fd < SERVER_FDS && server_opened[fd] == 1 && server_closed[fd] == 0);
    is_shut[fd] = is_shut[fd] || how == 2;
    return 0;
}

int fake_socket(int domain, int type, int protocol)
{
    (void)domain;
    (void)type;
    (void)protocol;
    return -1;
}

int fake_poll(struct pollfd *fds, unsigned long count, int timeout)
{
    HOLDS(count == 1 && timeout == 0 && server_opened[fds->fd] == 1 && server_closed[fds->fd] == 0);
    fds->revents = (short)(tasks_byte() % 2 ? fds->events : 0);
    return fds->revents != 0;
}

/* ---- the server's task */

static void close_session(struct server *s, int i)
{
    int fd = s->fds[i];

    s->fds[i] = -1;
    s->config.close_fn(s, fd);
    HOLDS(server_closed[fd] == 1);
}

static void open_session(struct server *s)
{
    for (int i = 0; i < s->config.max_open_sockets; i++) {
        if (s->fds[i] < 0 && next_fd < SERVER_FDS) {
            int fd = next_fd++;
            server_opened[fd] = 1;
            is_shut[fd] = is_async[fd] = false;
            is_ws[fd] = tasks_byte() % 3 == 0;
            s->fds[i] = fd;
            if (s->config.open_fn(s, fd) != ESP_OK) {
                close_session(s, i);
            }
            return;
        }
    }
}

static void serve(struct server *s, int i)
{
    int fd = s->fds[i];
    httpd_req_t req = {.handle = s, .aux = (void *)(intptr_t)fd, .user_ctx = s->handler.user_ctx};

    if (is_async[fd]) {
        return;
    }
    strcpy((char *)req.uri, is_ws[fd] ? "" : "/");
    bool leaves = is_shut[fd] || tasks_byte() % 4 == 0; /* the client closed it, or is about to */
    if (leaves || !s->has_handler || s->handler.handler(&req) != ESP_OK) {
        close_session(s, i);
    }
}

static bool take_datagram(struct server *s)
{
    if (s->control_count == 0) {
        return true;
    }
    struct datagram d = s->control[0];
    memmove(s->control, s->control + 1, --s->control_count * sizeof d);
    if (d.work == NULL) {
        return false;
    }
    d.work(d.arg);
    return true;
}

static void server_task(void *arg)
{
    struct server *s = arg;

    do {
        tasks_wait(&s->something, 5);
        s->something = false;
        if (tasks_bytes_left()) {
            if (tasks_byte() % 3 == 0) {
                open_session(s);
            }
            int i = tasks_byte() % SESSIONS_MAX;
            if (s->fds[i] >= 0) {
                serve(s, i);
            }
        }
        for (int i = 0; i < SESSIONS_MAX; i++) {
            if (s->fds[i] >= 0 && is_shut[s->fds[i]] && !is_async[s->fds[i]]) {
                close_session(s, i); /* it reads its end */
            }
        }
    } while (take_datagram(s));
    for (int i = 0; i < SESSIONS_MAX; i++) {
        if (s->fds[i] >= 0) {
            HOLDS(!is_async[s->fds[i]]); /* the component stops no server that a worker still serves with */
            close_session(s, i);
        }
    }
    s->stopped = true;
}

/* ---- esp_http_server.h */

esp_err_t httpd_start(httpd_handle_t *handle, const httpd_config_t *config)
{
    if (tasks_byte() % 8 == 7) {
        return ESP_ERR_HTTPD_TASK;
    }
    struct server *s = calloc(1, sizeof *s);
    s->config = *config;
    memset(s->fds, 0xFF, sizeof s->fds);
    tasks_start(server_task, s);
    *handle = s;
    tasks_preempt();
    return ESP_OK;
}

static esp_err_t send_datagram(struct server *s, struct datagram d)
{
    if (s->control_count == CONTROL_MAX || tasks_byte() % 16 == 15) {
        return tasks_byte() % 2 ? ESP_OK : ESP_FAIL; /* lost, and only perhaps with an error */
    }
    s->control[s->control_count++] = d;
    s->something = true;
    tasks_preempt();
    return ESP_OK;
}

esp_err_t httpd_queue_work(httpd_handle_t handle, httpd_work_fn_t work, void *arg)
{
    return send_datagram(handle, (struct datagram){work, arg});
}

/* It waits for ever when its own message is lost: so that is not one of the things that the input chooses. */
esp_err_t httpd_stop(httpd_handle_t handle)
{
    struct server *s = handle;

    if (s->control_count == CONTROL_MAX) {
        return ESP_FAIL;
    }
    s->control[s->control_count++] = (struct datagram){0};
    s->something = true;
    tasks_wait(&s->stopped, UINT32_MAX);
    free(s);
    return ESP_OK;
}

esp_err_t httpd_register_uri_handler(httpd_handle_t handle, const httpd_uri_t *uri)
{
    struct server *s = handle;

    if (s->has_handler) {
        return ESP_ERR_HTTPD_HANDLER_EXISTS;
    }
    s->handler = *uri;
    s->has_handler = true;
    return ESP_OK;
}

int httpd_req_to_sockfd(httpd_req_t *req)
{
    return (int)(intptr_t)req->aux;
}

httpd_ws_client_info_t httpd_ws_get_fd_info(httpd_handle_t handle, int fd)
{
    (void)handle;
    return is_ws[fd] ? HTTPD_WS_CLIENT_WEBSOCKET : HTTPD_WS_CLIENT_HTTP;
}

int httpd_socket_send(httpd_handle_t handle, int fd, const char *buf, size_t len, int flags)
{
    (void)handle;
    (void)buf;
    (void)flags;
    HOLDS(server_opened[fd] == 1 && server_closed[fd] == 0);
    switch (tasks_byte() % 4) {
    case 1:
        return -1;
    case 2:
        return (int)len - 1;
    default:
        return (int)len;
    }
}

esp_err_t httpd_resp_set_status(httpd_req_t *req, const char *status)
{
    (void)req;
    (void)status;
    return ESP_OK;
}

esp_err_t httpd_resp_set_hdr(httpd_req_t *req, const char *field, const char *value)
{
    (void)req;
    (void)field;
    (void)value;
    return ESP_OK;
}

esp_err_t httpd_resp_send(httpd_req_t *req, const char *buf, ssize_t len)
{
    (void)req;
    (void)buf;
    (void)len;
    tasks_preempt();
    return ESP_OK;
}

esp_err_t httpd_ws_recv_frame(httpd_req_t *req, httpd_ws_frame_t *frame, size_t max_len)
{
    (void)req;
    (void)max_len;
    if (frame->payload == NULL) {
        frame->type = tasks_byte() % 2 ? HTTPD_WS_TYPE_CLOSE : HTTPD_WS_TYPE_BINARY;
        frame->len = tasks_byte();
    }
    return ESP_OK;
}

esp_err_t httpd_req_async_handler_begin(httpd_req_t *req, httpd_req_t **copy)
{
    if (tasks_byte() % 8 == 7) {
        return ESP_ERR_NO_MEM;
    }
    *copy = malloc(sizeof **copy);
    memcpy(*copy, req, sizeof **copy);
    is_async[httpd_req_to_sockfd(req)] = true;
    return ESP_OK;
}

esp_err_t httpd_req_async_handler_complete(httpd_req_t *copy)
{
    is_async[httpd_req_to_sockfd(copy)] = false;
    free(copy);
    return ESP_OK;
}
