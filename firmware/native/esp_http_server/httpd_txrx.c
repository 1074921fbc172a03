/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Bytes in and out of a session: through its overrides (TLS sets them) or the socket, and the few bytes that were
 * received too early and are kept for the next reader.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "esp_log.h"
#include "httpd_priv.h"

static const char *TAG = "httpd_txrx";

/* ---- The socket itself ------------------------------------------------------------------------------------------ */

static int socket_error(const char *call)
{
    ESP_LOGW(TAG, "httpd_sock_err: error in %s : %d", call, errno);
    switch (errno) {
    case EAGAIN:
    case EINTR:
        return HTTPD_SOCK_ERR_TIMEOUT;
    case EINVAL:
    case EBADF:
    case EFAULT:
    case ENOTSOCK:
        return HTTPD_SOCK_ERR_INVALID;
    default:
        return HTTPD_SOCK_ERR_FAIL;
    }
}

int httpd_socket_default_send(httpd_handle_t hd, int sockfd, const char *buf, size_t buf_len, int flags)
{
    (void)hd;
    if (buf == NULL) {
        return HTTPD_SOCK_ERR_INVALID;
    }
    int sent = (int)send(sockfd, buf, buf_len, flags);
    return sent < 0 ? socket_error("send") : sent;
}

int httpd_socket_default_recv(httpd_handle_t hd, int sockfd, char *buf, size_t buf_len, int flags)
{
    (void)hd;
    if (buf == NULL) {
        return HTTPD_SOCK_ERR_INVALID;
    }
    int received = (int)recv(sockfd, buf, buf_len, flags);
    return received < 0 ? socket_error("recv") : received;
}

/* ---- A session -------------------------------------------------------------------------------------------------- */

/* Puts bytes back, before those that are still there. */
void httpd_keep_pending(struct httpd_session *session, const char *data, size_t len)
{
    size_t room = sizeof(session->pending) - session->pending_len;
    if (len > room) {
        len = room;
    }
    memcpy(session->pending + room - len, data, len);
    session->pending_len += len;
}

static size_t take_pending(struct httpd_session *session, char *buf, size_t len)
{
    if (len > session->pending_len) {
        len = session->pending_len;
    }
    memcpy(buf, session->pending + sizeof(session->pending) - session->pending_len, len);
    session->pending_len -= len;
    return len;
}

int httpd_receive(struct httpd_session *session, char *buf, size_t len, enum httpd_receive_mode mode)
{
    size_t kept = take_pending(session, buf, len);
    if (kept == len || (kept > 0 && mode == HTTPD_RECEIVE_PENDING)) {
        return (int)kept;
    }
    size_t total = kept;
    do {
        int received = session->recv_fn(session->server, session->fd, buf + total, len - total, 0);
        if (received <= 0) {
            /* Kept bytes are not lost to a timeout, as recv() returns what it has; those of an earlier turn are. */
            return received == HTTPD_SOCK_ERR_TIMEOUT && kept > 0 ? (int)kept : received;
        }
        total += (size_t)received;
    } while (total < len && mode == HTTPD_RECEIVE_ALL);
    return (int)total;
}

esp_err_t httpd_send_all(struct httpd_session *session, const char *buf, size_t len)
{
    while (len > 0) {
        int sent = session->send_fn(session->server, session->fd, buf, len, 0);
        if (sent < 0) {
            return ESP_FAIL;
        }
        buf += sent;
        len -= (size_t)sent;
    }
    return ESP_OK;
}

int httpd_send(httpd_req_t *r, const char *buf, size_t buf_len)
{
    if (r == NULL || buf == NULL || !httpd_request_valid(r)) {
        return HTTPD_SOCK_ERR_INVALID;
    }
    struct httpd_session *session = httpd_exchange_of(r)->session;
    return session->send_fn(session->server, session->fd, buf, buf_len, 0);
}

int httpd_socket_send(httpd_handle_t hd, int sockfd, const char *buf, size_t buf_len, int flags)
{
    struct httpd_session *session = httpd_session_find(hd, sockfd);
    if (session == NULL || session->send_fn == NULL) {
        return HTTPD_SOCK_ERR_INVALID;
    }
    return session->send_fn(hd, sockfd, buf, buf_len, flags);
}

int httpd_socket_recv(httpd_handle_t hd, int sockfd, char *buf, size_t buf_len, int flags)
{
    struct httpd_session *session = httpd_session_find(hd, sockfd);
    if (session == NULL || session->recv_fn == NULL) {
        return HTTPD_SOCK_ERR_INVALID;
    }
    return session->recv_fn(hd, sockfd, buf, buf_len, flags);
}

esp_err_t httpd_sess_set_send_override(httpd_handle_t hd, int sockfd, httpd_send_func_t send_func)
{
    struct httpd_session *session = httpd_session_find(hd, sockfd);
    if (session == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    session->send_fn = send_func;
    return ESP_OK;
}

esp_err_t httpd_sess_set_recv_override(httpd_handle_t hd, int sockfd, httpd_recv_func_t recv_func)
{
    struct httpd_session *session = httpd_session_find(hd, sockfd);
    if (session == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    session->recv_fn = recv_func;
    return ESP_OK;
}

esp_err_t httpd_sess_set_pending_override(httpd_handle_t hd, int sockfd, httpd_pending_func_t pending_func)
{
    struct httpd_session *session = httpd_session_find(hd, sockfd);
    if (session == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    session->pending_fn = pending_func;
    return ESP_OK;
}
