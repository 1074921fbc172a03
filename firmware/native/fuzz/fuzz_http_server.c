/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a client sends to the server, to its end: requests with their headers and bodies, a WebSocket handshake and
 * frames. The first byte says in pieces of how many bytes it arrives.
 */
#include "fuzz.h"

#include <errno.h>

#include "httpd_priv.h"

#define CLIENT_FD 60

static struct {
    const uint8_t *at;
    size_t left, piece;
} client;

static int receive(httpd_handle_t server, int fd, char *buf, size_t len, int flags)
{
    size_t n = len < client.left ? len : client.left;

    (void)server;
    (void)fd;
    (void)flags;
    n = n < client.piece ? n : client.piece;
    memcpy(buf, client.at, n);
    client.at += n;
    client.left -= n;
    return (int)n;
}

static int take(httpd_handle_t server, int fd, const char *buf, size_t len, int flags)
{
    (void)server;
    (void)fd;
    (void)flags;
    free(fuzz_text(buf, len)); /* the sanitizers see whether all of it may be read */
    return (int)len;
}

/* A handler that asks for all that a request can be asked for. */
static esp_err_t on_request(httpd_req_t *req)
{
    char text[32], body[50];
    size_t size = sizeof text;

    HOLDS(strlen(req->uri) <= HTTPD_MAX_URI_LEN);
    const size_t host = httpd_req_get_hdr_value_len(req, "Host");
    if (httpd_req_get_hdr_value_str(req, "Host", text, sizeof text) == ESP_OK) {
        HOLDS(strlen(text) == host);
    }
    if (httpd_req_get_url_query_str(req, text, sizeof text) == ESP_OK) {
        char value[8];
        httpd_query_key_value(text, "key", value, sizeof value);
    }
    httpd_req_get_cookie_val(req, "id", text, &size);
    httpd_req_recv(req, body, sizeof body);
    httpd_resp_set_hdr(req, "X-Seen", "yes");
    return httpd_resp_send(req, "seen", HTTPD_RESP_USE_STRLEN);
}

static esp_err_t on_frame(httpd_req_t *req)
{
    httpd_ws_frame_t frame = {0};
    uint8_t payload[200];

    if (req->method == HTTP_GET) {
        return ESP_OK; /* the handshake */
    }
    esp_err_t err = httpd_ws_recv_frame(req, &frame, 0);
    if (err != ESP_OK || frame.len > sizeof payload) {
        return err == ESP_OK ? ESP_ERR_INVALID_SIZE : err;
    }
    frame.payload = payload;
    err = httpd_ws_recv_frame(req, &frame, sizeof payload);
    return err == ESP_OK ? httpd_ws_send_frame(req, &frame) : err;
}

static struct httpd_server server;
static struct httpd_session sessions[1];
static httpd_uri_t handlers[4];
static struct httpd_response_header response_headers[4];

static void on_close(httpd_handle_t handle, int fd)
{
    HOLDS(handle == &server && fd == CLIENT_FD);
}

static void start(void)
{
    static const httpd_uri_t URIS[] = {
        {.uri = "/", .method = HTTP_GET, .handler = on_request},
        {.uri = "/post*", .method = HTTP_POST, .handler = on_request},
        {.uri = "/ws", .method = HTTP_GET, .handler = on_frame, .is_websocket = true},
        {.uri = "/raw",
         .method = HTTP_GET,
         .handler = on_frame,
         .is_websocket = true,
         .handle_ws_control_frames = true},
    };
    server.config = (httpd_config_t)HTTPD_DEFAULT_CONFIG();
    server.config.max_open_sockets = 1;
    server.config.max_uri_handlers = 4;
    server.config.max_resp_headers = 4;
    server.config.close_fn = on_close;
    server.config.uri_match_fn = httpd_uri_match_wildcard;
    server.sessions = sessions;
    server.handlers = handlers;
    server.exchange.response_headers = response_headers;
    for (size_t i = 0; i < 4; i++) {
        HOLDS(httpd_register_uri_handler(&server, &URIS[i]) == ESP_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    if (server.sessions == NULL) {
        start();
    }
    client.at = data + 1;
    client.left = size - 1;
    client.piece = data[0] ? data[0] : SIZE_MAX;
    httpd_sessions_clear(&server);
    server.session_count = 0;
    HOLDS(httpd_session_open(&server, CLIENT_FD) == ESP_OK);
    struct httpd_session *session = &sessions[0];
    session->recv_fn = receive;
    session->send_fn = take;
    for (size_t before = SIZE_MAX; client.left + session->pending_len < before;) {
        before = client.left + session->pending_len;
        if (before == 0 || httpd_session_serve(session) != ESP_OK) {
            break;
        }
        HOLDS(session->pending_len <= HTTPD_BLOCK_BYTES);
    }
    httpd_session_close(session);
    return 0;
}
