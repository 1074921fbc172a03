/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * `/ws`: every WebSocket client gets each frame as one binary message. The frames are pushed by queued work, so one
 * server task serves them all, on every version of ESP-IDF.
 */
#pragma once

#include "esp_err.h"
#include "httpd_graceful_stop.h"

#include "stream_server.h"

/** Makes the producer for @p server; it lives as long as the app. Once. @return ESP_OK; ESP_ERR_NO_MEM. */
esp_err_t websocket_init(httpd_graceful_stop_handle_t server);

/** Registers the URI. After each start of the server. */
esp_err_t websocket_register(void);

/**
 * Ends the producer's use of the server for good: for who stops the server without the stop object, which then gives
 * out leases on a server that is gone. The calling task keeps it so.
 */
void websocket_cease(void);

/** Clients and frames. Any task. */
void websocket_counts(stream_kind_counts_t *out);
