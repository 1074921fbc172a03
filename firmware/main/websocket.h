/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * `/ws`: every WebSocket client gets each frame as one binary message. The frames are pushed by queued work, so one
 * server task serves them all, on every version of ESP-IDF.
 */
#pragma once

#include "esp_err.h"
#include "httpd_graceful_stop.h"

/** Makes the producer for @p server; it lives as long as the app. Once. @return ESP_OK; ESP_ERR_NO_MEM. */
esp_err_t websocket_init(httpd_graceful_stop_handle_t server);

/** Registers the URI. After each start of the server. */
esp_err_t websocket_register(void);

/** Clients being served now. Any task. */
unsigned websocket_count(void);
