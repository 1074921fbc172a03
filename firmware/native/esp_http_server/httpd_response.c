/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The response: status, headers, a body at once or in chunks, and error answers.
 *
 * Each piece is a send() of its own, as ESP-IDF sends it: how many segments a client sees, and in which piece a slow
 * client blocks the server, follow from that.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "esp_log.h"
#include "httpd_priv.h"

static const char *TAG = "httpd_txrx";

/* ---- What the response shall be --------------------------------------------------------------------------------- */

static esp_err_t check_line(const char *what, const char *text)
{
    if (strpbrk(text, "\r\n")) {
        ESP_LOGW(TAG, "rejecting %s with CRLF: %.32s", what, text);
        return ESP_ERR_INVALID_ARG;
    }
    return ESP_OK;
}

esp_err_t httpd_resp_set_status(httpd_req_t *r, const char *status)
{
    if (r == NULL || status == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!httpd_request_valid(r)) {
        return ESP_ERR_HTTPD_INVALID_REQ;
    }
    esp_err_t err = check_line("status", status);
    if (err == ESP_OK) {
        httpd_exchange_of(r)->status = status;
    }
    return err;
}

esp_err_t httpd_resp_set_type(httpd_req_t *r, const char *type)
{
    if (r == NULL || type == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!httpd_request_valid(r)) {
        return ESP_ERR_HTTPD_INVALID_REQ;
    }
    esp_err_t err = check_line("content type", type);
    if (err == ESP_OK) {
        httpd_exchange_of(r)->type = type;
    }
    return err;
}

esp_err_t httpd_resp_set_hdr(httpd_req_t *r, const char *field, const char *value)
{
    if (r == NULL || field == NULL || value == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!httpd_request_valid(r)) {
        return ESP_ERR_HTTPD_INVALID_REQ;
    }
    if (check_line("header", field) != ESP_OK || check_line("header", value) != ESP_OK) {
        return ESP_ERR_INVALID_ARG;
    }
    struct httpd_exchange *exchange = httpd_exchange_of(r);
    if (exchange->response_header_count >= ((struct httpd_server *)r->handle)->config.max_resp_headers) {
        return ESP_ERR_HTTPD_RESP_HDR;
    }
    exchange->response_headers[exchange->response_header_count++] = (struct httpd_response_header){field, value};
    return ESP_OK;
}

/* ---- Sending ---------------------------------------------------------------------------------------------------- */

static bool send_text(struct httpd_session *session, const char *text)
{
    return httpd_send_all(session, text, strlen(text)) == ESP_OK;
}

/* `length_line`: how the client will know where the body ends. */
static esp_err_t send_head(struct httpd_exchange *exchange, const char *length_line)
{
    int len = snprintf(exchange->scratch, sizeof(exchange->scratch), "HTTP/1.1 %s\r\nContent-Type: %s\r\n%s\r\n",
                       exchange->status, exchange->type, length_line);
    if (len < 0 || (size_t)len >= sizeof(exchange->scratch)) {
        return ESP_ERR_HTTPD_RESP_HDR;
    }
    struct httpd_session *session = exchange->session;
    if (httpd_send_all(session, exchange->scratch, (size_t)len) != ESP_OK) {
        return ESP_ERR_HTTPD_RESP_SEND;
    }
    for (unsigned i = 0; i < exchange->response_header_count; i++) {
        const struct httpd_response_header *header = &exchange->response_headers[i];
        if (!send_text(session, header->field) || !send_text(session, ": ") || !send_text(session, header->value) ||
            !send_text(session, "\r\n")) {
            return ESP_ERR_HTTPD_RESP_SEND;
        }
    }
    return send_text(session, "\r\n") ? ESP_OK : ESP_ERR_HTTPD_RESP_SEND;
}

static void post_sent(const struct httpd_exchange *exchange, ssize_t len)
{
    esp_http_server_event_data data = {.fd = exchange->session->fd, .data_len = (int)len};
    httpd_post_event(HTTP_SERVER_EVENT_SENT_DATA, &data, sizeof(data));
}

esp_err_t httpd_resp_send(httpd_req_t *r, const char *buf, ssize_t buf_len)
{
    if (r == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!httpd_request_valid(r)) {
        return ESP_ERR_HTTPD_INVALID_REQ;
    }
    if (buf_len == HTTPD_RESP_USE_STRLEN) {
        buf_len = (ssize_t)strlen(buf);
    }
    struct httpd_exchange *exchange = httpd_exchange_of(r);
    exchange->header_count = 0; /* their place is needed */
    char length_line[40];
    snprintf(length_line, sizeof(length_line), "Content-Length: %d", (int)buf_len);
    esp_err_t err = send_head(exchange, length_line);
    if (err != ESP_OK) {
        return err;
    }
    httpd_post_event(HTTP_SERVER_EVENT_HEADERS_SENT, &exchange->session->fd, sizeof(exchange->session->fd));
    if (buf && buf_len > 0 && httpd_send_all(exchange->session, buf, (size_t)buf_len) != ESP_OK) {
        return ESP_ERR_HTTPD_RESP_SEND;
    }
    post_sent(exchange, buf_len);
    return ESP_OK;
}

esp_err_t httpd_resp_send_chunk(httpd_req_t *r, const char *buf, ssize_t buf_len)
{
    if (r == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!httpd_request_valid(r)) {
        return ESP_ERR_HTTPD_INVALID_REQ;
    }
    if (buf_len == HTTPD_RESP_USE_STRLEN) {
        buf_len = (ssize_t)strlen(buf);
    }
    struct httpd_exchange *exchange = httpd_exchange_of(r);
    exchange->header_count = 0;
    if (!exchange->chunked_begun) {
        esp_err_t err = send_head(exchange, "Transfer-Encoding: chunked");
        if (err != ESP_OK) {
            return err;
        }
        exchange->chunked_begun = true;
    }
    char length[24];
    snprintf(length, sizeof(length), "%lx\r\n", (long)buf_len);
    if (!send_text(exchange->session, length) ||
        (buf && httpd_send_all(exchange->session, buf, (size_t)buf_len) != ESP_OK) ||
        !send_text(exchange->session, "\r\n")) {
        return ESP_ERR_HTTPD_RESP_SEND;
    }
    post_sent(exchange, buf_len);
    return ESP_OK;
}

/* ---- Errors ----------------------------------------------------------------------------------------------------- */

struct error_text {
    const char *status;
    const char *message;
};

static const struct error_text error_texts[HTTPD_ERR_CODE_MAX] = {
    [HTTPD_500_INTERNAL_SERVER_ERROR] = {"500 Internal Server Error", "Server has encountered an unexpected error"},
    [HTTPD_501_METHOD_NOT_IMPLEMENTED] = {"501 Method Not Implemented", "Server does not support this method"},
    [HTTPD_505_VERSION_NOT_SUPPORTED] = {"505 Version Not Supported", "HTTP version not supported by server"},
    [HTTPD_400_BAD_REQUEST] = {"400 Bad Request", "Bad request syntax"},
    [HTTPD_401_UNAUTHORIZED] = {"401 Unauthorized", "No permission -- see authorization schemes"},
    [HTTPD_403_FORBIDDEN] = {"403 Forbidden", "Request forbidden -- authorization will not help"},
    [HTTPD_404_NOT_FOUND] = {"404 Not Found", "Nothing matches the given URI"},
    [HTTPD_405_METHOD_NOT_ALLOWED] = {"405 Method Not Allowed", "Specified method is invalid for this resource"},
    [HTTPD_408_REQ_TIMEOUT] = {"408 Request Timeout", "Server closed this connection"},
    [HTTPD_411_LENGTH_REQUIRED] = {"411 Length Required", "Client must specify Content-Length"},
    [HTTPD_413_CONTENT_TOO_LARGE] = {"413 Content Too Large", "Content is too large"},
    [HTTPD_414_URI_TOO_LONG] = {"414 URI Too Long", "URI is too long"},
    [HTTPD_431_REQ_HDR_FIELDS_TOO_LARGE] = {"431 Request Header Fields Too Large", "Header fields are too long"},
};

/* Without delay: the socket is likely to be closed right afterwards. */
static esp_err_t send_error(httpd_req_t *req, const char *status, const char *message)
{
    httpd_resp_set_status(req, status);
    httpd_resp_set_type(req, HTTPD_TYPE_TEXT);
#ifdef CONFIG_HTTPD_ERR_RESP_NO_DELAY
    int fd = httpd_exchange_of(req)->session->fd;
    int on = 1;
    bool no_delay = setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0;
    if (!no_delay) {
        ESP_LOGW(TAG, "httpd_resp_send_err: error calling setsockopt : %d", errno);
    }
#endif
    esp_err_t err = httpd_resp_send(req, message, HTTPD_RESP_USE_STRLEN);
#ifdef CONFIG_HTTPD_ERR_RESP_NO_DELAY
    int off = 0;
    if (no_delay && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &off, sizeof(off)) < 0) {
        ESP_LOGE(TAG, "httpd_resp_send_err: error calling setsockopt : %d", errno);
        return ESP_ERR_INVALID_STATE;
    }
#endif
    return err;
}

esp_err_t httpd_resp_send_err(httpd_req_t *req, httpd_err_code_t error, const char *msg)
{
    const struct error_text *text = &error_texts[error < HTTPD_ERR_CODE_MAX ? error : HTTPD_500_INTERNAL_SERVER_ERROR];
    const char *message = msg ? msg : text->message;
    ESP_LOGW(TAG, "httpd_resp_send_err: %s - %s", text->status, message);
    esp_err_t err = send_error(req, text->status, message);
    if (err != ESP_ERR_INVALID_STATE) {
        httpd_post_event(HTTP_SERVER_EVENT_ERROR, &error, sizeof(error));
    }
    return err;
}

esp_err_t httpd_resp_send_custom_err(httpd_req_t *req, const char *status, const char *msg)
{
    ESP_LOGW(TAG, "httpd_resp_send_custom_err: %s - %s", status, msg);
    return send_error(req, status, msg);
}

esp_err_t httpd_register_err_handler(httpd_handle_t handle, httpd_err_code_t error, httpd_err_handler_func_t handler_fn)
{
    if (handle == NULL || error >= HTTPD_ERR_CODE_MAX) {
        return ESP_ERR_INVALID_ARG;
    }
    ((struct httpd_server *)handle)->error_handlers[error] = handler_fn;
    return ESP_OK;
}

/* ESP_OK: the error handler wants the session to go on. */
esp_err_t httpd_answer_error(httpd_req_t *req, httpd_err_code_t error)
{
    httpd_err_handler_func_t handler = ((struct httpd_server *)req->handle)->error_handlers[error];
    if (handler == NULL) {
        httpd_resp_send_err(req, error, NULL);
        return ESP_FAIL;
    }
    esp_err_t err = handler(req, error);
    return error == HTTPD_500_INTERNAL_SERVER_ERROR ? ESP_FAIL : err;
}
