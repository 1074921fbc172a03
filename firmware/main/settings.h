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
#include "sdkconfig.h"

#include "signature.h"

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
    signature_key_t trigger_key;
    const char *ca;          /* PEM, or NULL */
    const char *server_cert; /* PEM; with tls_streams */
    const char *server_key;  /* PEM; with tls_streams */
    bool tls_streams;
#if CONFIG_HIL_BOOT_FAULTS
    char boot_fault[16];
#endif
} settings_t;

/**
 * Reads the settings. Optional ones that are missing get their defaults. Call once, before settings().
 *
 * @param missing set on an error: the key without which, or with which, this board cannot work; the partition's name
 * when there is none
 * @return ESP_OK; ESP_ERR_NVS_NOT_FOUND without device_id or broker_uri, without ca for a broker over TLS, without
 * server_cert and server_key for streams over TLS; ESP_ERR_INVALID_ARG for a broker_uri that is none; ESP_ERR_NO_MEM;
 * what nvs returns when there is no such partition or no nvs in it
 */
esp_err_t settings_load(const char **missing);

/** The settings; they never change after settings_load(). Any task. */
const settings_t *settings(void);
