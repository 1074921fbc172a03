/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The way out: connect, send the request's head and body, close.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "esp_log.h"
#include "http_client_private.h"

static const char *const method_names[HTTP_METHOD_MAX] = {
    [HTTP_METHOD_GET] = "GET",
    [HTTP_METHOD_POST] = "POST",
    [HTTP_METHOD_PUT] = "PUT",
    [HTTP_METHOD_PATCH] = "PATCH",
    [HTTP_METHOD_DELETE] = "DELETE",
    [HTTP_METHOD_HEAD] = "HEAD",
    [HTTP_METHOD_NOTIFY] = "NOTIFY",
    [HTTP_METHOD_SUBSCRIBE] = "SUBSCRIBE",
    [HTTP_METHOD_UNSUBSCRIBE] = "UNSUBSCRIBE",
    [HTTP_METHOD_OPTIONS] = "OPTIONS",
    [HTTP_METHOD_COPY] = "COPY",
    [HTTP_METHOD_MOVE] = "MOVE",
    [HTTP_METHOD_LOCK] = "LOCK",
    [HTTP_METHOD_UNLOCK] = "UNLOCK",
    [HTTP_METHOD_PROPFIND] = "PROPFIND",
    [HTTP_METHOD_PROPPATCH] = "PROPPATCH",
    [HTTP_METHOD_MKCOL] = "MKCOL",
    [HTTP_METHOD_REPORT] = "REPORT",
};

void http_prepare(esp_http_client_handle_t client)
{
    client->process_again = false;
    http_response_reset(client);
    http_parser_init(&client->parser, HTTP_RESPONSE);
    client->parser.data = client;
}

static esp_err_t choose_transport(esp_http_client_handle_t client)
{
    client->transport = esp_transport_list_get_transport(client->transports, client->address.scheme);
    if (client->transport != NULL) {
        return ESP_OK;
    }
    ESP_LOGE(HTTP_TAG, "No transport found for scheme %s", client->address.scheme);
    return ESP_ERR_HTTP_INVALID_TRANSPORT;
}

esp_err_t http_connect(esp_http_client_handle_t client)
{
    http_prepare(client);
    if (client->state >= HTTP_STATE_CONNECTED) {
        return ESP_OK; /* kept alive since the last request */
    }
    esp_err_t err = choose_transport(client);
    if (err != ESP_OK) {
        return err;
    }
    if (client->is_async) {
        if (esp_http_client_get_transport_type(client) == HTTP_TRANSPORT_OVER_SSL) {
            ESP_LOGE(HTTP_TAG, "asynchronous mode is not part of the native board: leave is_async out");
            return ESP_ERR_NOT_SUPPORTED;
        }
        ESP_LOGE(HTTP_TAG, "Asynchronous mode doesn't work for HTTP based connection");
        return ESP_ERR_INVALID_ARG;
    }
    if (esp_transport_connect(client->transport, client->address.host, client->address.port, client->timeout_ms) < 0) {
        ESP_LOGE(HTTP_TAG, "Connection failed, sock < 0");
        return ESP_ERR_HTTP_CONNECT;
    }
    client->state = HTTP_STATE_CONNECTED;
    http_dispatch(client, HTTP_EVENT_ON_CONNECTED, NULL, 0);
    return ESP_OK;
}

/* All of it, or what went wrong: 0 on timeout, negative on failure. */
static int send_all(esp_http_client_handle_t client, const char *bytes, int len)
{
    int sent = 0;
    while (sent < len) {
        int n = esp_transport_write(client->transport, bytes + sent, len - sent, client->timeout_ms);
        if (n <= 0) {
            return n;
        }
        sent += n;
    }
    return sent;
}

static esp_err_t flush(esp_http_client_handle_t client)
{
    struct http_request *request = &client->request;
    if (request->buffer_len > 0 && send_all(client, request->buffer, request->buffer_len) <= 0) {
        ESP_LOGE(HTTP_TAG, "Error write request");
        esp_http_client_close(client);
        return ESP_ERR_HTTP_WRITE_DATA;
    }
    request->buffer_len = 0;
    return ESP_OK;
}

/* Gathers the head in the buffer, so that a small one leaves as one segment. */
static esp_err_t put(esp_http_client_handle_t client, const char *text)
{
    struct http_request *request = &client->request;
    size_t left = strlen(text);
    while (left > 0) {
        const size_t room = (size_t)(request->buffer_size - request->buffer_len);
        const size_t part = left < room ? left : room;
        memcpy(request->buffer + request->buffer_len, text, part);
        request->buffer_len += (int)part;
        text += part;
        left -= part;
        if (request->buffer_len == request->buffer_size) {
            esp_err_t err = flush(client);
            if (err != ESP_OK) {
                return err;
            }
        }
    }
    return ESP_OK;
}

static esp_err_t put_request_line(esp_http_client_handle_t client)
{
    const struct http_address *address = &client->address;
    const char *query = address->query;
    const char *const words[] = {
        method_names[client->method],
        " ",
        address->path,
        query != NULL ? "?" : "",
        query != NULL ? query : "",
        " HTTP/1.1\r\n",
    };
    size_t len = 0;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        len += strlen(words[i]);
    }
    if (len >= (size_t)client->request.buffer_size) {
        ESP_LOGE(HTTP_TAG, "Out of buffer: a request line of %u bytes and buffer_size_tx %d", (unsigned)len,
                 client->request.buffer_size);
        return ESP_FAIL;
    }
    esp_err_t err = ESP_OK;
    for (size_t i = 0; err == ESP_OK && i < sizeof(words) / sizeof(words[0]); i++) {
        err = put(client, words[i]);
    }
    return err;
}

static esp_err_t set_length_headers(esp_http_client_handle_t client, int write_len)
{
    struct http_header **headers = &client->request.headers;
    if (write_len < 0) {
        http_header_set(headers, "Content-Length", NULL);
        return http_header_set(headers, "Transfer-Encoding", "chunked");
    }
    http_header_set(headers, "Transfer-Encoding", NULL);
    const bool has_body =
        client->method != HTTP_METHOD_GET && client->method != HTTP_METHOD_HEAD && client->method != HTTP_METHOD_DELETE;
    if (write_len == 0 && !has_body) {
        return http_header_set(headers, "Content-Length", NULL);
    }
    char length[sizeof("-2147483648")];
    snprintf(length, sizeof(length), "%d", write_len);
    return http_header_set(headers, "Content-Length", length);
}

esp_err_t http_send_headers(esp_http_client_handle_t client, int write_len)
{
    client->request.buffer_len = 0;
    esp_err_t err = set_length_headers(client, write_len);
    if (err == ESP_OK) {
        err = put_request_line(client);
    }
    for (struct http_header *h = client->request.headers; err == ESP_OK && h != NULL; h = h->next) {
        const char *const words[] = {h->key, ": ", h->value, "\r\n"};
        for (size_t i = 0; err == ESP_OK && i < sizeof(words) / sizeof(words[0]); i++) {
            err = put(client, words[i]);
        }
    }
    if (err == ESP_OK) {
        err = put(client, "\r\n");
    }
    if (err == ESP_OK) {
        err = flush(client);
    }
    if (err == ESP_OK) {
        client->state = HTTP_STATE_HEADERS_SENT;
        http_dispatch(client, HTTP_EVENT_HEADERS_SENT, NULL, 0);
    }
    return err;
}

esp_err_t esp_http_client_open(esp_http_client_handle_t client, int write_len)
{
    http_drop_early_body(client);
    esp_err_t err = http_connect(client);
    if (err == ESP_OK) {
        err = http_send_headers(client, write_len);
    }
    return err == ESP_OK ? ESP_OK : http_dispatch_error(client, err);
}

int esp_http_client_write(esp_http_client_handle_t client, const char *buffer, int len)
{
    if (client->state < HTTP_STATE_HEADERS_SENT) {
        return ESP_FAIL;
    }
    return send_all(client, buffer, len);
}

esp_err_t esp_http_client_close(esp_http_client_handle_t client)
{
    if (client->state == HTTP_STATE_INIT) {
        return ESP_OK;
    }
    http_dispatch(client, HTTP_EVENT_DISCONNECTED, esp_transport_get_error_handle(client->transport), 0);
    client->state = HTTP_STATE_INIT;
    return esp_transport_close(client->transport) == 0 ? ESP_OK : ESP_FAIL;
}
