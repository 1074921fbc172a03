/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The server that streams: `/stream` (MJPEG) and `/ws` (WebSocket).
 */
#pragma once

#include "esp_err.h"
#include "httpd_graceful_stop.h"

#include "settings.h"

#define STREAM_MAX_CLIENTS 5

typedef struct {
    unsigned now;    /* being served */
    unsigned served; /* since boot, these included */
    unsigned frames; /* sent since boot */
} stream_kind_counts_t;

typedef struct {
    stream_kind_counts_t mjpeg;
    stream_kind_counts_t ws;
} stream_counts_t;

/** Makes the server's stop object and, in mode workers, the workers. Once. */
esp_err_t stream_server_init(void);

/** Starts the server on the provisioned port. */
esp_err_t stream_server_start(void);

/** Its stop object. */
httpd_graceful_stop_handle_t stream_server(void);

/** The mode in use: the provisioned one, or inline where this ESP-IDF has no asynchronous requests. */
stream_mode_t stream_server_mode(void);

/** Streams and frames of both kinds. Any task. */
void stream_server_counts(stream_counts_t *out);

/**
 * Serves one MJPEG stream until it is asked to stop, the client is gone or there are no frames. Returns ESP_OK when the
 * response was ended as HTTP wants it.
 */
esp_err_t stream_serve(httpd_req_t *req);
