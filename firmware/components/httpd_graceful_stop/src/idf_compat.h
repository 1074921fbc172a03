/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The differences between ESP-IDF 4.4 and 6.1 that the component has to know about, and nothing else: no other file
 * here may ask for a version.
 */
#pragma once

#include "esp_http_server.h"
#include "esp_idf_version.h"
#include "sdkconfig.h"

/* A request can be carried on by another task since 5.2. */
#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 2, 0)
#define IDF_HAS_ASYNC_REQUESTS 1
#else
#define IDF_HAS_ASYNC_REQUESTS 0
static inline esp_err_t httpd_req_async_handler_begin(httpd_req_t *req, httpd_req_t **copy)
{
    (void)req;
    (void)copy;
    return ESP_ERR_NOT_SUPPORTED;
}
static inline esp_err_t httpd_req_async_handler_complete(httpd_req_t *copy)
{
    (void)copy;
    return ESP_ERR_NOT_SUPPORTED;
}
#endif

/* httpd_queue_work() waits for room, without a limit, and loses nothing. An option since 5.0. */
#ifdef CONFIG_HTTPD_QUEUE_WORK_BLOCKING
#define IDF_QUEUE_WORK_WAITS 1
#else
#define IDF_QUEUE_WORK_WAITS 0
#endif

#ifdef CONFIG_HTTPD_WS_SUPPORT

/*
 * A frame, not the handshake: most versions call a WebSocket's handler for that one, too, after 101 has been sent (the
 * last patch releases no longer do).
 */
static inline bool idf_is_ws_frame(const httpd_req_t *req)
{
    return req->uri[0] == '\0'; /* every version clears the URI before each request, and a frame has none */
}

static inline bool idf_is_ws_session(httpd_handle_t server, int fd)
{
    return httpd_ws_get_fd_info(server, fd) == HTTPD_WS_CLIENT_WEBSOCKET;
}

/* Reads the frame at hand away, so that closing does not turn into a reset. To be called by the frame's handler. */
static inline esp_err_t idf_ws_discard_frame(httpd_req_t *req, httpd_ws_type_t *type)
{
    uint8_t bin[64];
    httpd_ws_frame_t frame = {.payload = NULL};
    esp_err_t err = httpd_ws_recv_frame(req, &frame, 0); /* the header alone */
    if (err != ESP_OK) {
        return err;
    }
    *type = frame.type;
    frame.payload = bin;
#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(6, 1, 0)
    while (err == ESP_OK && frame.left_len > 0) {
        err = httpd_ws_recv_frame_part(req, &frame, sizeof(bin));
    }
#else
    /* With its length set, a frame's payload is read as far as that length: read in pieces, the last one shorter. */
    for (size_t left = frame.len; err == ESP_OK && left > 0; left -= frame.len) {
        frame.len = left < sizeof(bin) ? left : sizeof(bin);
        err = httpd_ws_recv_frame(req, &frame, sizeof(bin));
    }
#endif
    return err;
}

#else

static inline bool idf_is_ws_session(httpd_handle_t server, int fd)
{
    (void)server;
    (void)fd;
    return false;
}

#endif /* CONFIG_HTTPD_WS_SUPPORT */
