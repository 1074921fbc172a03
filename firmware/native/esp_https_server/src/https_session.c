/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * One TLS session: the handshake in open_fn, the bytes in the overrides, the end in the transport context's free
 * function, which the server calls after the socket is closed. So no close_notify is ever sent; neither is it on a
 * chip.
 */
#include <assert.h>
#include <stdlib.h>
#include "esp_log.h"
#include "https_private.h"

struct https_session {
    struct https_server *server;
    esp_tls_t *tls;
};

static esp_tls_t *tls_of(httpd_handle_t handle, int sockfd)
{
    struct https_session *session = httpd_sess_get_transport_ctx(handle, sockfd);
    assert(session != NULL);
    return session->tls;
}

static void call_user(const struct https_server *server, httpd_ssl_user_cb_state_t state, esp_tls_t *tls)
{
    if (server->user_cb != NULL) {
        esp_https_server_user_cb_arg_t arg = {.user_cb_state = state, .tls = tls};
        server->user_cb(&arg);
    }
}

static void session_end(void *ctx)
{
    struct https_session *session = ctx;
    call_user(session->server, HTTPD_SSL_USER_CB_SESS_CLOSE, session->tls);
    esp_tls_server_session_delete(session->tls);
    free(session);
    https_post_event(HTTPS_SERVER_EVENT_DISCONNECTED, NULL, 0);
}

static int session_pending(httpd_handle_t handle, int sockfd)
{
    return (int)esp_tls_get_bytes_avail(tls_of(handle, sockfd));
}

static int session_recv(httpd_handle_t handle, int sockfd, char *buf, size_t buf_len, int flags)
{
    (void)flags;
    esp_tls_t *tls = tls_of(handle, sockfd);
    int ret = (int)esp_tls_conn_read(tls, buf, buf_len);
    if (ret < 0) {
        https_post_error(tls);
    } else {
        https_post_event(HTTPS_SERVER_EVENT_ON_DATA, &ret, sizeof(ret));
    }
    return ret;
}

static int session_send(httpd_handle_t handle, int sockfd, const char *buf, size_t buf_len, int flags)
{
    (void)flags;
    esp_tls_t *tls = tls_of(handle, sockfd);
    int ret = (int)esp_tls_conn_write(tls, buf, buf_len);
    if (ret < 0) {
        https_post_error(tls);
    } else {
        https_post_event(HTTPS_SERVER_EVENT_SENT_DATA, NULL, 0);
    }
    return ret;
}

esp_err_t https_session_open(httpd_handle_t handle, int sockfd)
{
    struct https_server *server = httpd_get_global_transport_ctx(handle);
    assert(server != NULL);
    struct https_session *session = calloc(1, sizeof(*session));
    esp_tls_t *tls = session != NULL ? esp_tls_init() : NULL;
    if (tls == NULL) {
        free(session);
        https_post_error(NULL);
        return ESP_ERR_NO_MEM;
    }
    ESP_LOGI(HTTPS_TAG, "performing session handshake");
    int ret = esp_tls_server_session_create(&server->tls_cfg, sockfd, tls);
    if (ret != 0) {
        ESP_LOGE(HTTPS_TAG, "esp_tls_create_server_session failed, 0x%04x", (unsigned)-ret);
        https_post_error(tls);
        esp_tls_server_session_delete(tls);
        free(session);
        return ESP_FAIL;
    }
    *session = (struct https_session){.server = server, .tls = tls};
    httpd_sess_set_transport_ctx(handle, sockfd, session, session_end);
    httpd_sess_set_send_override(handle, sockfd, session_send);
    httpd_sess_set_recv_override(handle, sockfd, session_recv);
    httpd_sess_set_pending_override(handle, sockfd, session_pending);

    if (server->open_fn != NULL) {
        (void)server->open_fn(handle, sockfd); /* its error is ignored, as by ESP-IDF: it cannot refuse a client */
    }
    call_user(server, HTTPD_SSL_USER_CB_SESS_CREATE, tls);
    https_post_event(HTTPS_SERVER_EVENT_ON_CONNECTED, NULL, 0);
    return ESP_OK;
}
