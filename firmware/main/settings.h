/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What makes this board this one: read once at boot from the nvs partition `provisioning`, which the bench writes and
 * the app never does. The keys are listed in docs/provisioning.md.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "esp_err.h"

typedef enum {
    STREAM_MODE_INLINE,  /* a stream holds the server's task: one at a time */
    STREAM_MODE_WORKERS, /* each stream is served by a task of its own (ESP-IDF 5.2 and later) */
} stream_mode_t;

typedef struct {
    char device_id[33];
    char broker_uri[129];
    char broker_user[65];
    char broker_pass[65];
    char wifi_ssid[33];
    char wifi_pass[65];
    stream_mode_t stream_mode;
    uint32_t frame_ms;
    uint32_t frame_bytes;
    uint32_t drain_ms;
    uint32_t shutdown_ms;
    uint32_t stop_ms;
    uint32_t update_ms;
    uint32_t stall_ms;
    uint32_t self_test_ms;
    uint16_t port_control;
    uint16_t port_stream;
} settings_t;

/**
 * Reads the settings. Optional ones that are missing get their defaults.
 * @return ESP_OK; ESP_ERR_NVS_NOT_FOUND without device_id or broker_uri; what nvs returns when there is no such
 * partition or no nvs in it. Call once, before settings().
 */
esp_err_t settings_load(void);

/** The settings; they never change after settings_load(). Any task. */
const settings_t *settings(void);
