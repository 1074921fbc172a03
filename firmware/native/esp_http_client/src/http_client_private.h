/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The client's state, and what its files offer each other.
 */
#pragma once

#include <http_parser.h>
#include "esp_http_client.h"
#include "esp_transport.h"
#include "http_header.h"

#define HTTP_TAG "HTTP_CLIENT"

enum http_state {
    HTTP_STATE_INIT, /* not connected */
    HTTP_STATE_CONNECTED,
    HTTP_STATE_HEADERS_SENT,
    HTTP_STATE_REQUEST_SENT,
    HTTP_STATE_HEADERS_RECEIVED,
    HTTP_STATE_BODY,
};

struct http_address {
    char *scheme, *host, *path, *query;
    int port;
};

struct http_request {
    struct http_header *headers;
    char *buffer; /* what is being sent */
    int buffer_size, buffer_len;
    const char *post_data;
    int post_len;
};

struct http_response {
    int status_code;
    int64_t content_length; /* -1: none was said */
    int64_t received;       /* bytes of body, decoded */
    bool is_chunked;        /* chunked, or with no content length to go by */
    bool is_complete;
    int chunk_length;
    char *location;
    char *key, *value; /* of the header being parsed */
    char *buffer;      /* what is being received */
    int buffer_size;
    /* Body that came in with the headers, until it is read. */
    char *early;
    int early_at, early_len;
    bool keep_early;
    /* Where the parser puts body: the caller's buffer while in esp_http_client_read(). */
    char *output;
    int output_len;
};

struct esp_http_client {
    enum http_state state;
    struct http_address address;
    struct http_request request;
    struct http_response response;
    http_parser parser;
    esp_transport_list_handle_t transports;
    esp_transport_handle_t transport; /* the one the scheme chose; NULL before the first connection */
    esp_http_client_method_t method;
    int timeout_ms;
    bool is_async;
    bool disable_auto_redirect;
    int max_redirection_count, redirect_counter;
    bool process_again; /* perform(): the answer was a redirect */
    http_event_handle_cb event_handler;
    void *user_data;
    esp_http_client_event_t event;
};

/* http_event.c: to the client's handler, then to the default event loop */
void http_dispatch(esp_http_client_handle_t client, esp_http_client_event_id_t id, void *data, int data_len);
/* HTTP_EVENT_ERROR; returns err */
esp_err_t http_dispatch_error(esp_http_client_handle_t client, esp_err_t err);

/* http_url.c */
esp_err_t http_set_string(char **field, const char *text, size_t len);
esp_err_t http_append_string(char **field, const char *text, size_t len);
esp_err_t http_set_host_header(esp_http_client_handle_t client);
void http_address_free(struct http_address *address);

/* http_request.c */
esp_err_t http_connect(esp_http_client_handle_t client);
esp_err_t http_send_headers(esp_http_client_handle_t client, int write_len);
void http_prepare(esp_http_client_handle_t client);

/* http_tls.c */
esp_err_t http_add_tls(esp_http_client_handle_t client, const esp_http_client_config_t *config,
                       esp_transport_keep_alive_t *keep_alive);

/* http_response.c */
void http_response_reset(esp_http_client_handle_t client);
void http_drop_early_body(esp_http_client_handle_t client);
/* Receives and parses once: bytes received, 0 on timeout, negative on failure or end of connection. */
int http_receive_body(esp_http_client_handle_t client);
/* Feeds the parser; len 0 tells it that the connection ended. */
esp_err_t http_parse(esp_http_client_handle_t client, const char *bytes, int len);
/* http_callbacks.c */
extern const http_parser_settings http_response_callbacks;
