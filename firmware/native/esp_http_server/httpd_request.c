/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * One request from its first byte to the last: set up, read, hand to a handler, discard what that left, clean up.
 */
#include <string.h>

#include "esp_log.h"
#include "httpd_priv.h"

static const char *TAG = "httpd_txrx";

bool httpd_request_valid(const httpd_req_t *req)
{
#ifdef CONFIG_HTTPD_VALIDATE_REQ
    const struct httpd_server *server = req->handle;
    return server != NULL && server->task == xTaskGetCurrentTaskHandle();
#else
    (void)req;
    return true;
#endif
}

static void begin(struct httpd_session *session)
{
    struct httpd_server *server = session->server;
    struct httpd_exchange *exchange = &server->exchange;
    struct httpd_response_header *headers = exchange->response_headers;
    memset(exchange, 0, sizeof(*exchange));
    memset(headers, 0, server->config.max_resp_headers * sizeof(*headers));
    exchange->response_headers = headers;
    exchange->session = session;
    exchange->status = HTTPD_200;
    exchange->type = HTTPD_TYPE_TEXT;

    httpd_req_t *req = &server->request;
    memset(req, 0, sizeof(*req));
    req->handle = server;
    req->aux = exchange;
    req->sess_ctx = session->ctx;
    req->free_ctx = session->free_ctx;
    req->ignore_sess_ctx_changes = session->ignore_ctx_changes;
#ifdef CONFIG_HTTPD_WS_SUPPORT
    req->user_ctx = session->ws_user_ctx;
#endif
}

static void end(struct httpd_session *session)
{
    struct httpd_server *server = session->server;
    httpd_req_t *req = &server->request;
    if (!req->ignore_sess_ctx_changes && session->ctx != req->sess_ctx) {
        httpd_ctx_release(&session->ctx, session->free_ctx);
    }
#ifdef CONFIG_HTTPD_WS_SUPPORT
    if (session->ws_closing) {
        httpd_session_queue_close(session);
    }
#endif
    session->ctx = req->sess_ctx;
    session->free_ctx = req->free_ctx;
    session->ignore_ctx_changes = req->ignore_sess_ctx_changes;
    server->exchange.session = NULL;
    req->handle = NULL;
    req->aux = NULL;
    req->user_ctx = NULL;
}

#ifdef CONFIG_HTTPD_WS_SUPPORT
static esp_err_t serve_frame(struct httpd_session *session)
{
    if (session->ws_closing) {
        return ESP_OK;
    }
    httpd_req_t *req = &session->server->request;
    struct httpd_exchange *exchange = &session->server->exchange;
    esp_err_t err = httpd_ws_begin_frame(req);
    if (exchange->ws_type == HTTPD_WS_TYPE_CLOSE) {
        session->ws_closing = true;
    }
    /* PONG goes to the handler: only so are its bytes taken from the stream. */
    bool wanted = exchange->ws_type < HTTPD_WS_TYPE_CLOSE || exchange->ws_type == HTTPD_WS_TYPE_PONG ||
                  session->ws_control_frames;
    return err == ESP_OK && wanted ? session->ws_handler(req) : err;
}
#endif

static esp_err_t serve(struct httpd_session *session)
{
#ifdef CONFIG_HTTPD_WS_SUPPORT
    if (session->ws_open && session->ws_handler != NULL) {
        return serve_frame(session);
    }
#endif
    return httpd_parse_request(session->server);
}

static esp_err_t discard_body(struct httpd_server *server)
{
    char discarded[CONFIG_HTTPD_PURGE_BUF_LEN];
    while (server->exchange.body_left > 0) {
        if (httpd_req_recv(&server->request, discarded, sizeof(discarded)) <= 0) {
            return ESP_FAIL;
        }
    }
    return ESP_OK;
}

/* Anything but ESP_OK: the session must be closed. */
esp_err_t httpd_session_serve(struct httpd_session *session)
{
    begin(session);
    esp_err_t err = serve(session);
    if (err == ESP_OK) {
        err = discard_body(session->server);
    }
    end(session);
    return err;
}

int httpd_req_recv(httpd_req_t *r, char *buf, size_t buf_len)
{
    if (r == NULL || buf == NULL) {
        return HTTPD_SOCK_ERR_INVALID;
    }
    if (!httpd_request_valid(r)) {
        ESP_LOGW(TAG, "httpd_req_recv: invalid request");
        return HTTPD_SOCK_ERR_INVALID;
    }
    struct httpd_exchange *exchange = httpd_exchange_of(r);
    if (buf_len > exchange->body_left) {
        buf_len = exchange->body_left;
    }
    if (buf_len == 0) {
        return 0;
    }
    int received = httpd_receive(exchange->session, buf, buf_len, HTTPD_RECEIVE_SOME);
    if (received < 0) {
        return received;
    }
    exchange->body_left -= (size_t)received;
    esp_http_server_event_data data = {.fd = exchange->session->fd, .data_len = received};
    httpd_post_event(HTTP_SERVER_EVENT_ON_DATA, &data, sizeof(data));
    return received;
}

int httpd_req_to_sockfd(httpd_req_t *r)
{
    if (r == NULL) {
        return -1;
    }
    if (!httpd_request_valid(r)) {
        ESP_LOGW(TAG, "httpd_req_to_sockfd: invalid request");
        return -1;
    }
    return httpd_exchange_of(r)->session->fd;
}
