/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The table of sessions: one slot an open client, and everything that opens, finds, chooses or closes one.
 *
 * A slot is reused for the next client. Work that was queued with a pointer to a slot therefore meets whoever sits
 * there when it runs; ESP-IDF does the same, and httpd_sess_trigger_close() shows it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include "esp_log.h"
#include "httpd_priv.h"

static const char *TAG = "httpd_sess";

static struct httpd_session *table_end(const struct httpd_server *server)
{
    return server->sessions + server->config.max_open_sockets;
}

void httpd_sessions_clear(struct httpd_server *server)
{
    for (struct httpd_session *session = server->sessions; session < table_end(server); session++) {
        session->fd = HTTPD_FREE_SLOT;
    }
}

struct httpd_session *httpd_session_free_slot(struct httpd_server *server)
{
    if (server->session_count == server->config.max_open_sockets) {
        return NULL;
    }
    for (struct httpd_session *session = server->sessions; session < table_end(server); session++) {
        if (session->fd < 0) {
            return session;
        }
    }
    return NULL;
}

static struct httpd_session *find_in_table(struct httpd_server *server, int fd)
{
    for (struct httpd_session *session = server->sessions; session < table_end(server); session++) {
        if (session->fd == fd) {
            return session;
        }
    }
    return NULL;
}

struct httpd_session *httpd_session_find(struct httpd_server *server, int fd)
{
    if (server == NULL) {
        return NULL;
    }
    /* The session being served comes first: a descriptor can be in the table twice, if it was closed behind the
     * server's back and given to a new client. */
    struct httpd_session *serving = server->exchange.session;
    if (serving != NULL && serving->fd == fd) {
        return serving;
    }
    return find_in_table(server, fd);
}

esp_err_t httpd_session_open(struct httpd_server *server, int fd)
{
    if (httpd_session_find(server, fd)) {
        ESP_LOGE(TAG, "httpd_sess_new: session already exists with fd = %d", fd);
        return ESP_FAIL;
    }
    struct httpd_session *session = httpd_session_free_slot(server);
    if (session == NULL) {
        return ESP_FAIL;
    }
    memset(session, 0, sizeof(*session));
    session->fd = fd;
    session->server = server;
    session->send_fn = httpd_socket_default_send;
    session->recv_fn = httpd_socket_default_recv;
    server->session_count++;

    if (server->config.open_fn) {
        esp_err_t err = server->config.open_fn(server, fd);
        if (err != ESP_OK) {
            httpd_session_close(session); /* and the caller closes fd once more */
            return err;
        }
    }
    return ESP_OK;
}

void httpd_ctx_release(void **ctx, httpd_free_ctx_fn_t free_fn)
{
    if (*ctx == NULL) {
        return;
    }
    if (free_fn) {
        free_fn(*ctx);
    } else {
        free(*ctx);
    }
    *ctx = NULL;
}

void httpd_session_close(struct httpd_session *session)
{
    if (session->fd < 0) {
        return;
    }
    struct httpd_server *server = session->server;
    if (server->config.enable_so_linger) {
        struct linger linger = {.l_onoff = 1, .l_linger = server->config.linger_timeout};
        if (setsockopt(session->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0) {
            ESP_LOGW(TAG, "httpd_sess_delete: error enabling SO_LINGER (%d)", errno);
        }
    }
    if (server->config.close_fn) {
        server->config.close_fn(server, session->fd);
    } else {
        close(session->fd);
    }
    httpd_post_event(HTTP_SERVER_EVENT_DISCONNECTED, &session->fd, sizeof(session->fd));

    httpd_ctx_release(&session->ctx, session->free_ctx);
    httpd_ctx_release(&session->transport_ctx, session->free_transport_ctx);
    session->free_ctx = NULL;
    session->free_transport_ctx = NULL;

    session->fd = HTTPD_FREE_SLOT;
    if (--server->session_count == 0) {
        server->requests = 0;
    }
}

void httpd_sessions_close_all(struct httpd_server *server)
{
    for (struct httpd_session *session = server->sessions; session < table_end(server); session++) {
        httpd_session_close(session);
    }
}

void httpd_sessions_close_invalid(struct httpd_server *server)
{
    /* Free slots are looked at too and named in the log, as ESP-IDF does. */
    for (struct httpd_session *session = server->sessions; session < table_end(server); session++) {
        if (fcntl(session->fd, F_GETFD) == -1 && errno == EBADF) {
            ESP_LOGW(TAG, "enum_function: Closing invalid socket %d", session->fd);
            httpd_session_close(session);
        }
    }
}

int httpd_sessions_select_set(const struct httpd_server *server, fd_set *read_set)
{
    int highest = -1;
    for (struct httpd_session *session = server->sessions; session < table_end(server); session++) {
        if (session->fd < 0 || session->async) {
            continue;
        }
        FD_SET(session->fd, read_set);
        if (session->fd > highest) {
            highest = session->fd;
        }
    }
    return highest;
}

bool httpd_session_has_data(const struct httpd_session *session, const fd_set *read_set)
{
    if (FD_ISSET(session->fd, read_set)) {
        return true;
    }
    /* A transport such as TLS may hold decrypted bytes that select() knows nothing of. */
    if (session->pending_fn && session->pending_fn(session->server, session->fd) > 0) {
        return true;
    }
    return session->pending_len > 0;
}

/* ---- Closing at somebody's request ------------------------------------------------------------------------------ */

static void close_queued(void *arg)
{
    struct httpd_session *session = arg;
    if (session->last_used == 0 && !session->purging) {
        return; /* a client that has not been served yet cannot be the one that was meant */
    }
    session->purging = false;
    httpd_session_close(session);
}

esp_err_t httpd_session_queue_close(struct httpd_session *session)
{
    return httpd_queue_work(session->server, close_queued, session);
}

esp_err_t httpd_session_purge_oldest(struct httpd_server *server)
{
    struct httpd_session *oldest = NULL;
    for (struct httpd_session *session = server->sessions; session < table_end(server); session++) {
        if (session->fd < 0) {
            break;
        }
        if (!session->async && (oldest == NULL || session->last_used < oldest->last_used)) {
            oldest = session;
        }
    }
    if (oldest == NULL) {
        return ESP_OK;
    }
    oldest->purging = true;
    return httpd_session_queue_close(oldest);
}

esp_err_t httpd_sess_trigger_close(httpd_handle_t handle, int sockfd)
{
    struct httpd_session *session = httpd_session_find(handle, sockfd);
    return session ? httpd_session_queue_close(session) : ESP_ERR_NOT_FOUND;
}

esp_err_t httpd_sess_update_lru_counter(httpd_handle_t handle, int sockfd)
{
    if (handle == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    struct httpd_server *server = handle;
    struct httpd_session *session = find_in_table(server, sockfd);
    if (session == NULL) {
        return ESP_ERR_NOT_FOUND;
    }
    session->last_used = ++server->requests;
    return ESP_OK;
}

esp_err_t httpd_get_client_list(httpd_handle_t handle, size_t *fds, int *client_fds)
{
    if (handle == NULL || fds == NULL || *fds == 0 || client_fds == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    size_t room = *fds;
    *fds = 0;
    struct httpd_server *server = handle;
    for (struct httpd_session *session = server->sessions; session < table_end(server); session++) {
        if (session->fd == HTTPD_FREE_SLOT) {
            continue;
        }
        if (*fds == room) {
            return ESP_ERR_INVALID_ARG;
        }
        client_fds[(*fds)++] = session->fd;
    }
    return ESP_OK;
}

/* ---- Contexts --------------------------------------------------------------------------------------------------- */

/* While a session is being served its context lives in the request, and goes back to the session afterwards. */
void *httpd_sess_get_ctx(httpd_handle_t handle, int sockfd)
{
    struct httpd_server *server = handle;
    struct httpd_session *session = httpd_session_find(server, sockfd);
    if (session == NULL) {
        return NULL;
    }
    return server->exchange.session == session ? server->request.sess_ctx : session->ctx;
}

void httpd_sess_set_ctx(httpd_handle_t handle, int sockfd, void *ctx, httpd_free_ctx_fn_t free_fn)
{
    struct httpd_server *server = handle;
    struct httpd_session *session = httpd_session_find(server, sockfd);
    if (session == NULL) {
        return;
    }
    if (server->exchange.session == session) {
        httpd_req_t *req = &server->request;
        if (req->sess_ctx != ctx) {
            if (req->sess_ctx != session->ctx) { /* the session's own is released at the end of the request */
                httpd_ctx_release(&req->sess_ctx, req->free_ctx);
            }
            req->sess_ctx = ctx;
        }
        req->free_ctx = free_fn;
        return;
    }
    if (session->ctx != ctx) {
        httpd_ctx_release(&session->ctx, session->free_ctx);
        session->ctx = ctx;
    }
    session->free_ctx = free_fn;
}

void *httpd_sess_get_transport_ctx(httpd_handle_t handle, int sockfd)
{
    struct httpd_session *session = httpd_session_find(handle, sockfd);
    return session ? session->transport_ctx : NULL;
}

void httpd_sess_set_transport_ctx(httpd_handle_t handle, int sockfd, void *ctx, httpd_free_ctx_fn_t free_fn)
{
    struct httpd_session *session = httpd_session_find(handle, sockfd);
    if (session == NULL) {
        return;
    }
    if (session->transport_ctx != ctx) {
        httpd_ctx_release(&session->transport_ctx, session->free_transport_ctx);
        session->transport_ctx = ctx;
    }
    session->free_transport_ctx = free_fn;
}
