/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Bytes of a session → httpd_req_t, by http_parser.
 *
 * A request is read in small blocks until its headers are complete and, if it has a body, the first byte of that has
 * come: only then is a handler called. What a block holds beyond that point goes back to the session, for
 * httpd_req_recv() or the next request. Request line and header section each have a limit of their own (414, 431).
 */
#include <string.h>
#include <strings.h>

#include "esp_log.h"
#include "httpd_priv.h"

static const char *TAG = "httpd_parse";

enum stage {
    STAGE_REQUEST_LINE,
    STAGE_FIELD,
    STAGE_VALUE,
    STAGE_HEADERS_DONE,
    STAGE_COMPLETE,
    STAGE_FAILED,
};

struct parsing {
    httpd_req_t *req;
    enum stage stage;
    httpd_err_code_t error; /* why STAGE_FAILED */
    size_t uri_len;
    size_t headers_len;        /* bytes of the exchange's scratch in use */
    const char *headers_begin; /* in the present block, when they begin there */
    const char *body_begin;    /* the same */
};

static int fail(struct parsing *parsing, httpd_err_code_t error)
{
    parsing->stage = STAGE_FAILED;
    parsing->error = error;
    return -1;
}

static int fail_unexpected(struct parsing *parsing, const char *where)
{
    ESP_LOGE(TAG, "%s: unexpected state transition", where);
    return fail(parsing, HTTPD_500_INTERNAL_SERVER_ERROR);
}

/* The URI's buffer is const for handlers; here it is filled. */
static char *uri_of(httpd_req_t *req)
{
    return (char *)req->uri;
}

/* ---- Request line ----------------------------------------------------------------------------------------------- */

static int on_url(http_parser *parser, const char *at, size_t length)
{
    struct parsing *parsing = parser->data;
    if (parsing->stage != STAGE_REQUEST_LINE) {
        return fail_unexpected(parsing, "cb_url");
    }
    if (parsing->uri_len + length > HTTPD_MAX_URI_LEN) {
        ESP_LOGW(TAG, "cb_url: URI length (%zu) greater than supported (%d)", parsing->uri_len + length,
                 HTTPD_MAX_URI_LEN);
        return fail(parsing, HTTPD_414_URI_TOO_LONG);
    }
    memcpy(uri_of(parsing->req) + parsing->uri_len, at, length);
    parsing->uri_len += length;
    uri_of(parsing->req)[parsing->uri_len] = '\0';
    return 0;
}

static int end_request_line(http_parser *parser)
{
    struct parsing *parsing = parser->data;
    httpd_req_t *req = parsing->req;
    req->method = (int)parser->method;
    if (parser->http_major != 1 || parser->http_minor > 1) {
        ESP_LOGW(TAG, "verify_url: unsupported HTTP version = %d.%d", parser->http_major, parser->http_minor);
        return fail(parsing, HTTPD_505_VERSION_NOT_SUPPORTED);
    }
    struct http_parser_url *url = &httpd_exchange_of(req)->url;
    http_parser_url_init(url);
    if (http_parser_parse_url(req->uri, parsing->uri_len, req->method == HTTP_CONNECT, url) != 0) {
        ESP_LOGW(TAG, "verify_url: http_parser_parse_url failed with errno = %d", parser->http_errno);
        return fail(parsing, HTTPD_400_BAD_REQUEST);
    }
    return 0;
}

/* ---- Headers ---------------------------------------------------------------------------------------------------- */

/* Cannot overflow: a header's name and value with their NULs are never longer than the line they came in. */
static void store(struct parsing *parsing, const char *bytes, size_t len)
{
    memcpy(httpd_exchange_of(parsing->req)->scratch + parsing->headers_len, bytes, len);
    parsing->headers_len += len;
}

static void end_header(struct parsing *parsing)
{
    store(parsing, "", 1);
    httpd_exchange_of(parsing->req)->header_count++;
}

static int on_header_field(http_parser *parser, const char *at, size_t length)
{
    struct parsing *parsing = parser->data;
    switch (parsing->stage) {
    case STAGE_REQUEST_LINE:
        if (end_request_line(parser) != 0) {
            return -1;
        }
        parsing->headers_begin = at;
        break;
    case STAGE_VALUE:
        end_header(parsing);
        break;
    case STAGE_FIELD:
        break;
    default:
        return fail_unexpected(parsing, "cb_header_field");
    }
    parsing->stage = STAGE_FIELD;
    store(parsing, at, length);
    return 0;
}

static int on_header_value(http_parser *parser, const char *at, size_t length)
{
    struct parsing *parsing = parser->data;
    if (parsing->stage == STAGE_FIELD) {
        store(parsing, "", 1);
        parsing->stage = STAGE_VALUE;
    } else if (parsing->stage != STAGE_VALUE) {
        return fail_unexpected(parsing, "cb_header_value");
    }
    store(parsing, at, length);
    return 0;
}

static int check_upgrade(struct parsing *parsing)
{
#ifdef CONFIG_HTTPD_WS_SUPPORT
    char protocol[sizeof("websocket")];
    if (httpd_req_get_hdr_value_str(parsing->req, "Upgrade", protocol, sizeof(protocol)) != ESP_OK) {
        ESP_LOGW(TAG, "cb_headers_complete: Upgrade header does not match the length of \"websocket\"");
        return fail(parsing, HTTPD_400_BAD_REQUEST);
    }
    if (strcasecmp(protocol, "websocket") != 0) {
        ESP_LOGW(TAG, "cb_headers_complete: Upgrade header found but it's %s", protocol);
        return fail(parsing, HTTPD_400_BAD_REQUEST);
    }
    httpd_exchange_of(parsing->req)->ws_upgrade = true;
    return 0;
#else
    return fail(parsing, HTTPD_400_BAD_REQUEST);
#endif
}

static int on_headers_complete(http_parser *parser)
{
    struct parsing *parsing = parser->data;
    if (parsing->stage == STAGE_REQUEST_LINE) {
        if (end_request_line(parser) != 0) {
            return -1;
        }
    } else if (parsing->stage == STAGE_VALUE) {
        end_header(parsing);
    } else {
        return fail_unexpected(parsing, "cb_headers_complete");
    }
    /* Without a Content-Length the parser says -1, in its unsigned type. */
    httpd_req_t *req = parsing->req;
    struct httpd_exchange *exchange = httpd_exchange_of(req);
    req->content_len = (int)parser->content_length == -1 ? 0 : parser->content_length;
    exchange->body_left = req->content_len;
    if (parser->upgrade && check_upgrade(parsing) != 0) {
        return -1;
    }
    parsing->stage = STAGE_HEADERS_DONE;
    httpd_post_event(HTTP_SERVER_EVENT_ON_HEADER, &exchange->session->fd, sizeof(exchange->session->fd));
    return 0;
}

/* ---- End -------------------------------------------------------------------------------------------------------- */

static int on_body(http_parser *parser, const char *at, size_t length)
{
    struct parsing *parsing = parser->data;
    (void)length;
    if (parsing->stage != STAGE_HEADERS_DONE) {
        return fail_unexpected(parsing, "cb_on_body");
    }
    parsing->stage = STAGE_COMPLETE;
    parsing->body_begin = at;
    http_parser_pause(parser, 1);
    return 0;
}

static int on_message_complete(http_parser *parser)
{
    struct parsing *parsing = parser->data;
    if (parsing->stage != STAGE_HEADERS_DONE) {
        return fail_unexpected(parsing, "cb_no_body");
    }
    parsing->stage = STAGE_COMPLETE;
    http_parser_pause(parser, 1); /* else the next request in the block would be parsed into this one */
    return 0;
}

static const http_parser_settings callbacks = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

/* > 0: bytes; 0: the error handler for a timeout said to try again; < 0: close the session. */
static int read_block(httpd_req_t *req, char *block, size_t len)
{
    int received = httpd_receive(httpd_exchange_of(req)->session, block, len, HTTPD_RECEIVE_PENDING);
    if (received > 0) {
        return received;
    }
    if (received == HTTPD_SOCK_ERR_TIMEOUT && httpd_answer_error(req, HTTPD_408_REQ_TIMEOUT) == ESP_OK) {
        return 0;
    }
    return -1;
}

static void parse_block(http_parser *parser, struct parsing *parsing, const char *block, size_t len)
{
    parsing->headers_begin = NULL;
    parsing->body_begin = NULL;
    size_t parsed = http_parser_execute(parser, &callbacks, block, len);
    if (parsing->stage == STAGE_FAILED) {
        ESP_LOGW(TAG, "parse_block: parsing failed");
    } else if (parsing->stage == STAGE_COMPLETE) {
        const char *rest = parsing->body_begin ? parsing->body_begin : block + parsed;
        httpd_keep_pending(httpd_exchange_of(parsing->req)->session, rest, (size_t)(block + len - rest));
    } else if (parsed != len) {
        ESP_LOGW(TAG, "parse_block: incomplete (%zu/%zu) with parser error = %d", parsed, len, parser->http_errno);
        fail(parsing, HTTPD_400_BAD_REQUEST);
    }
}

static int fail_too_long(struct parsing *parsing)
{
    ESP_LOGW(TAG, "parse_block: request URI/header too long");
    return fail(parsing,
                parsing->stage == STAGE_REQUEST_LINE ? HTTPD_414_URI_TOO_LONG : HTTPD_431_REQ_HDR_FIELDS_TOO_LARGE);
}

esp_err_t httpd_parse_request(struct httpd_server *server)
{
    struct parsing parsing = {.req = &server->request};
    http_parser parser;
    http_parser_init(&parser, HTTP_REQUEST);
    parser.data = &parsing;

    size_t section_len = 0; /* of the request line, then of the headers */
    while (parsing.stage < STAGE_COMPLETE) {
        char block[HTTPD_BLOCK_BYTES];
        size_t room = HTTPD_SCRATCH_BYTES - section_len;
        if (room == 0) {
            fail_too_long(&parsing);
            break;
        }
        int len = read_block(&server->request, block, room < sizeof(block) ? room : sizeof(block));
        if (len < 0) {
            return ESP_FAIL;
        }
        if (len == 0) {
            continue;
        }
        parse_block(&parser, &parsing, block, (size_t)len);
        section_len = parsing.headers_begin ? (size_t)(block + len - parsing.headers_begin) : section_len + (size_t)len;
    }
    if (parsing.stage == STAGE_FAILED) {
        return httpd_answer_error(&server->request, parsing.error);
    }
    return httpd_dispatch(server);
}
