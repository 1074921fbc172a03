/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the parser found in a response. A callback that returns non-zero stops the parser, which then reports an
 * error: the response cannot be used.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "esp_log.h"
#include "http_client_private.h"

/* 100 Continue and its like come before the response that counts. */
static bool is_interim(const http_parser *parser)
{
    return parser->status_code / 100 == 1;
}

static int on_message_begin(http_parser *parser)
{
    struct http_response *response = &((esp_http_client_handle_t)parser->data)->response;
    response->is_chunked = false;
    response->is_complete = false;
    return 0;
}

/* A header is known to be over when the next one, or the body, begins. */
static void finish_header(esp_http_client_handle_t client)
{
    struct http_response *response = &client->response;
    if (response->key != NULL && response->value != NULL) {
        if (strcasecmp(response->key, "Transfer-Encoding") == 0 && strcasecmp(response->value, "chunked") == 0) {
            response->is_chunked = true;
        }
        client->event.header_key = response->key;
        client->event.header_value = response->value;
        http_dispatch(client, HTTP_EVENT_ON_HEADER, NULL, 0);
        client->event.header_key = client->event.header_value = NULL;
        if (strcasecmp(response->key, "Location") == 0) {
            free(response->location);
            response->location = response->value;
            response->value = NULL;
        }
    }
    free(response->key);
    free(response->value);
    response->key = response->value = NULL;
}

static int on_header_field(http_parser *parser, const char *at, size_t length)
{
    esp_http_client_handle_t client = parser->data;
    if (client->response.value != NULL) {
        finish_header(client);
    }
    return http_append_string(&client->response.key, at, length);
}

static int on_header_value(http_parser *parser, const char *at, size_t length)
{
    esp_http_client_handle_t client = parser->data;
    return http_append_string(&client->response.value, at, length);
}

static int on_headers_complete(http_parser *parser)
{
    esp_http_client_handle_t client = parser->data;
    struct http_response *response = &client->response;
    finish_header(client);
    if (is_interim(parser)) {
        return 0;
    }
    response->status_code = (int)parser->status_code;
    response->content_length = (int64_t)parser->content_length; /* ULLONG_MAX, so -1, when there is none */
    response->received = 0;
    client->state = HTTP_STATE_HEADERS_RECEIVED;
    return client->method == HTTP_METHOD_HEAD ? 1 : 0; /* 1: no body follows, whatever the headers say */
}

static int keep_early_body(struct http_response *response, const char *at, size_t length)
{
    char *longer = realloc(response->early, (size_t)response->early_len + length);
    if (longer == NULL) {
        ESP_LOGE(HTTP_TAG, "Failed to allocate memory for storing decoded data");
        return -1;
    }
    memcpy(longer + response->early_len, at, length);
    response->early = longer;
    response->early_len += (int)length;
    return 0;
}

static int on_body(http_parser *parser, const char *at, size_t length)
{
    esp_http_client_handle_t client = parser->data;
    struct http_response *response = &client->response;
    if (response->output != NULL) {
        memcpy(response->output + response->output_len, at, length); /* never more than was asked of the transport */
        response->output_len += (int)length;
    } else if (client->state < HTTP_STATE_BODY && response->keep_early && keep_early_body(response, at, length) != 0) {
        return -1;
    }
    response->received += (int64_t)length;
    http_dispatch(client, HTTP_EVENT_ON_DATA, (void *)(uintptr_t)at, (int)length);
    return 0;
}

static int on_message_complete(http_parser *parser)
{
    esp_http_client_handle_t client = parser->data;
    if (!is_interim(parser)) {
        client->response.is_complete = true;
        http_parser_pause(parser, 1); /* what a server sends past the end is not another response */
    }
    return 0;
}

static int on_chunk_header(http_parser *parser)
{
    esp_http_client_handle_t client = parser->data;
    client->response.chunk_length = (int)parser->content_length;
    return 0;
}

const http_parser_settings http_response_callbacks = {
    .on_message_begin = on_message_begin,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
    .on_chunk_header = on_chunk_header,
};
