/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Requests that are answered outside the server task.
 *
 * The copy keeps pointers to its server and to the session's slot. httpd_stop() does not know of copies: one that is
 * completed after the server has gone writes to freed memory, as on ESP-IDF.
 */
#include <stdlib.h>
#include <string.h>

#include "esp_log.h"
#include "httpd_priv.h"

static const char *TAG = "httpd_txrx";

esp_err_t httpd_req_async_handler_begin(httpd_req_t *r, httpd_req_t **out)
{
    if (r == NULL || out == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    const struct httpd_server *server = r->handle;
    struct httpd_exchange *original = httpd_exchange_of(r);
    size_t headers_size = server->config.max_resp_headers * sizeof(struct httpd_response_header);

    httpd_req_t *req = malloc(sizeof(*req));
    struct httpd_exchange *exchange = malloc(sizeof(*exchange));
    struct httpd_response_header *headers = malloc(headers_size);
    if (req == NULL || exchange == NULL || headers == NULL) {
        free(headers);
        free(exchange);
        free(req);
        return ESP_ERR_NO_MEM;
    }
    memcpy(req, r, sizeof(*req));
    memcpy(exchange, original, sizeof(*exchange));
    memcpy(headers, original->response_headers, headers_size);
    req->aux = exchange;
    exchange->response_headers = headers;

    original->body_left = 0; /* it is the worker's to read now */
    original->session->async = true;
    *out = req;
    return ESP_OK;
}

esp_err_t httpd_req_async_handler_complete(httpd_req_t *r)
{
    if (r == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    const struct httpd_server *server = r->handle;
    int message_fd = server->message_fd;
    uint16_t port = server->config.ctrl_port;
    struct httpd_exchange *exchange = httpd_exchange_of(r);
    exchange->session->async = false;
    free(exchange->response_headers);
    free(exchange);
    free(r);

    /* The server task waits on a set without this session; it must begin anew to see what the client sends next. */
    if (httpd_control_send(message_fd, port, HTTPD_CONTROL_WAKE, NULL, NULL) != ESP_OK) {
        ESP_LOGW(TAG, "httpd_req_async_handler_complete: failed to send socket notification");
        return ESP_FAIL;
    }
    return ESP_OK;
}
