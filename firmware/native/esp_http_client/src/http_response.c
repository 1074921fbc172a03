/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The way back: response headers and body, step by step.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "esp_log.h"
#include "http_client_private.h"

void http_drop_early_body(esp_http_client_handle_t client)
{
    struct http_response *response = &client->response;
    free(response->early);
    response->early = NULL;
    response->early_at = response->early_len = 0;
}

void http_response_reset(esp_http_client_handle_t client)
{
    struct http_response *response = &client->response;
    free(response->location);
    free(response->key);
    free(response->value);
    response->location = response->key = response->value = NULL;
    response->received = 0;
}

esp_err_t http_parse(esp_http_client_handle_t client, const char *bytes, int len)
{
    http_parser *parser = &client->parser;
    http_parser_execute(parser, &http_response_callbacks, bytes, (size_t)len);
    enum http_errno err = HTTP_PARSER_ERRNO(parser);
    if (err == HPE_OK || err == HPE_PAUSED || (len == 0 && err == HPE_INVALID_EOF_STATE)) {
        return ESP_OK;
    }
    ESP_LOGE(HTTP_TAG, "not a valid response: %s", http_errno_description(err));
    return ESP_FAIL;
}

int64_t esp_http_client_fetch_headers(esp_http_client_handle_t client)
{
    struct http_response *response = &client->response;
    if (client->state < HTTP_STATE_HEADERS_SENT) {
        return ESP_FAIL;
    }
    client->state = HTTP_STATE_REQUEST_SENT;
    response->status_code = -1;
    while (client->state < HTTP_STATE_HEADERS_RECEIVED) {
        errno = 0;
        int n = esp_transport_read(client->transport, response->buffer, response->buffer_size, client->timeout_ms);
        if (n == ERR_TCP_TRANSPORT_CONNECTION_TIMEOUT) {
            ESP_LOGW(HTTP_TAG, "Connection timed out before data was ready!");
            return -ESP_ERR_HTTP_EAGAIN;
        }
        if (n < 0 || http_parse(client, response->buffer, n) != ESP_OK) {
            return ESP_FAIL;
        }
    }
    client->state = HTTP_STATE_BODY;
    if (response->content_length <= 0) {
        response->is_chunked = true; /* its end is told by the last chunk or by the end of the connection */
        return 0;
    }
    return response->content_length;
}

bool esp_http_client_is_complete_data_received(esp_http_client_handle_t client)
{
    const struct http_response *response = &client->response;
    return response->is_chunked ? response->is_complete : response->received == response->content_length;
}

static int take_early_body(struct http_response *response, char *buffer, int len)
{
    const int left = response->early_len - response->early_at;
    const int taken = left < len ? left : len;
    if (taken > 0) {
        memcpy(buffer, response->early + response->early_at, (size_t)taken);
        response->early_at += taken;
    }
    return taken;
}

static bool more_expected(const struct http_response *response)
{
    return response->is_chunked ? !response->is_complete : response->received < response->content_length;
}

/* What esp_http_client_read() returns when the transport gave rlen <= 0 after got bytes of body. */
static int end_of_read(esp_http_client_handle_t client, int rlen, int got)
{
    if (rlen == ERR_TCP_TRANSPORT_CONNECTION_TIMEOUT) {
        return got > 0 ? got : -ESP_ERR_HTTP_EAGAIN;
    }
    if (rlen == ERR_TCP_TRANSPORT_CONNECTION_CLOSED_BY_FIN) {
        if (client->response.is_chunked) {
            http_parse(client, client->response.buffer, 0); /* the end of the connection may be the end of the body */
        }
    } else {
        esp_err_t err = esp_transport_translate_error(rlen);
        ESP_LOGE(HTTP_TAG, "transport_read: error - %d | %s", err, esp_err_to_name(err));
    }
    if (got == 0 && !esp_http_client_is_complete_data_received(client)) {
        return http_dispatch_error(client, ESP_FAIL);
    }
    return got;
}

int esp_http_client_read(esp_http_client_handle_t client, char *buffer, int len)
{
    struct http_response *response = &client->response;
    int got = take_early_body(response, buffer, len);
    if (response->early_at == response->early_len) {
        http_drop_early_body(client);
    }
    while (got < len && more_expected(response)) {
        const int room = len - got;
        const int asked = room < response->buffer_size ? room : response->buffer_size;
        errno = 0;
        int n = client->state == HTTP_STATE_BODY
                    ? esp_transport_read(client->transport, response->buffer, asked, client->timeout_ms)
                    : ERR_TCP_TRANSPORT_CONNECTION_FAILED;
        if (n <= 0) {
            return end_of_read(client, n, got);
        }
        response->output = buffer + got;
        response->output_len = 0;
        esp_err_t err = http_parse(client, response->buffer, n);
        got += response->output_len;
        response->output = NULL;
        if (err != ESP_OK) {
            return got > 0 ? got : http_dispatch_error(client, ESP_FAIL);
        }
    }
    return got;
}

int esp_http_client_read_response(esp_http_client_handle_t client, char *buffer, int len)
{
    int got = 0;
    while (got < len) {
        int n = esp_http_client_read(client, buffer + got, len - got);
        if (n <= 0) {
            return got;
        }
        got += n;
    }
    return got;
}

int http_receive_body(esp_http_client_handle_t client)
{
    struct http_response *response = &client->response;
    if (client->state < HTTP_STATE_BODY) {
        return ESP_FAIL;
    }
    if (client->method == HTTP_METHOD_HEAD) {
        return 0;
    }
    errno = 0;
    int n = esp_transport_read(client->transport, response->buffer, response->buffer_size, client->timeout_ms);
    if (n > 0) {
        return http_parse(client, response->buffer, n) == ESP_OK ? n : ESP_FAIL;
    }
    if (n == ERR_TCP_TRANSPORT_CONNECTION_CLOSED_BY_FIN && response->is_chunked) {
        http_parse(client, response->buffer, 0);
    }
    return n;
}

esp_err_t esp_http_client_flush_response(esp_http_client_handle_t client, int *len)
{
    if (client == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    int dropped = 0;
    while (!esp_http_client_is_complete_data_received(client)) {
        int n = http_receive_body(client);
        if (n <= 0) {
            if (esp_http_client_is_complete_data_received(client)) {
                break;
            }
            return ESP_FAIL;
        }
        dropped += n;
    }
    if (len != NULL) {
        *len = dropped;
    }
    return ESP_OK;
}

esp_err_t esp_http_client_clear_response_buffer(esp_http_client_handle_t client)
{
    if (client == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    http_drop_early_body(client);
    return ESP_OK;
}

int esp_http_client_get_status_code(esp_http_client_handle_t client)
{
    return client->response.status_code;
}

int64_t esp_http_client_get_content_length(esp_http_client_handle_t client)
{
    return client->response.content_length;
}

bool esp_http_client_is_chunked_response(esp_http_client_handle_t client)
{
    return client->response.is_chunked;
}

esp_err_t esp_http_client_get_chunk_length(esp_http_client_handle_t client, int *len)
{
    if (client == NULL || len == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!client->response.is_chunked) {
        ESP_LOGE(HTTP_TAG, "Response is not chunked");
        return ESP_FAIL;
    }
    *len = client->response.chunk_length;
    return ESP_OK;
}

bool esp_http_client_is_persistent_connection(esp_http_client_handle_t client)
{
    return client != NULL && http_should_keep_alive(&client->parser) != 0;
}
