/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What an image server answers, through the native board's HTTP client into the app's download: status line, headers,
 * redirects, chunks, body. The first byte says in pieces of how many bytes it arrives, the second how large the trigger
 * said the image is. What comes after a redirect goes on where the answer before it ended.
 */
#include "fuzz.h"

#include <mbedtls/sha256.h>

#include "esp_event.h"
#include "esp_ota_ops.h"
#include "esp_tls.h"
#include "esp_tls_error_capture_internal.h"
#include "esp_transport.h"
#include "esp_transport_tcp.h"
#include "http_client_private.h"

#include "download.h"
#include "events.h"
#include "settings.h"

static struct {
    const uint8_t *at;
    size_t left, piece;
} server;

static size_t written;
static bool open_ota, ended_ota;

static int on_connect(esp_transport_handle_t t, const char *host, int port, int timeout_ms)
{
    (void)t;
    (void)host;
    (void)port;
    (void)timeout_ms;
    return server.left > 0 ? 0 : -1;
}

static int on_read(esp_transport_handle_t t, char *buffer, int len, int timeout_ms)
{
    size_t n = (size_t)len < server.left ? (size_t)len : server.left;

    (void)t;
    (void)timeout_ms;
    HOLDS(len > 0);
    n = n < server.piece ? n : server.piece;
    if (n == 0) {
        return ERR_TCP_TRANSPORT_CONNECTION_CLOSED_BY_FIN;
    }
    memcpy(buffer, server.at, n);
    server.at += n;
    server.left -= n;
    return (int)n;
}

static int on_write(esp_transport_handle_t t, const char *buffer, int len, int timeout_ms)
{
    (void)t;
    (void)timeout_ms;
    free(fuzz_text(buffer, (size_t)len));
    return len;
}

static int on_close(esp_transport_handle_t t)
{
    (void)t;
    return 0;
}

static int on_poll(esp_transport_handle_t t, int timeout_ms)
{
    (void)t;
    (void)timeout_ms;
    return 1;
}

static esp_transport_handle_t make(int port)
{
    esp_transport_handle_t t = esp_transport_init();

    esp_transport_set_func(t, on_connect, on_read, on_write, on_close, on_poll, on_poll, on_close);
    esp_transport_set_default_port(t, port);
    return t;
}

esp_transport_handle_t esp_transport_tcp_init(void)
{
    return make(80);
}

void esp_transport_tcp_set_keep_alive(esp_transport_handle_t t, esp_transport_keep_alive_t *config)
{
    (void)t;
    (void)config;
}

/* http_tls.c is not part of this: https:// is a transport as any other. */
esp_err_t http_add_tls(esp_http_client_handle_t client, const esp_http_client_config_t *config,
                       esp_transport_keep_alive_t *keep_alive)
{
    (void)config;
    (void)keep_alive;
    return esp_transport_list_add(client->transports, make(443), "https");
}

/* ---- the app's surroundings */

static settings_t the_settings = {.update_ms = 10000, .stall_ms = 1000};
static int64_t clock_us;

const settings_t *settings(void)
{
    return &the_settings;
}

void event(const char *ev, const char *fmt, ...)
{
    (void)ev;
    (void)fmt;
}

esp_err_t esp_event_post(esp_event_base_t base, int32_t id, const void *data, size_t size, TickType_t ticks)
{
    (void)base;
    (void)id;
    (void)data;
    (void)size;
    (void)ticks;
    return ESP_OK;
}

esp_tls_error_handle_t esp_tls_internal_event_tracker_create(void)
{
    return calloc(1, sizeof(struct esp_tls_last_error));
}

void esp_tls_internal_event_tracker_destroy(esp_tls_error_handle_t h)
{
    free(h);
}

esp_err_t esp_tls_get_and_clear_last_error(esp_tls_error_handle_t h, int *code, int *flags)
{
    (void)code;
    *flags = 0;
    return h != NULL ? ESP_OK : ESP_ERR_INVALID_STATE;
}

int64_t esp_timer_get_time(void)
{
    return clock_us += 100; /* each look at the clock: nothing waits for ever */
}

void vTaskDelay(uint32_t ticks)
{
    clock_us += ticks * 10000;
}

esp_err_t esp_ota_begin(const esp_partition_t *partition, size_t size, esp_ota_handle_t *out)
{
    (void)partition;
    (void)size;
    HOLDS(!open_ota);
    open_ota = true;
    written = 0;
    *out = 1;
    return ESP_OK;
}

esp_err_t esp_ota_write(esp_ota_handle_t handle, const void *data, size_t size)
{
    HOLDS(handle == 1 && open_ota);
    free(fuzz_text(data, size));
    written += size;
    return ESP_OK;
}

esp_err_t esp_ota_end(esp_ota_handle_t handle)
{
    HOLDS(handle == 1 && open_ota);
    open_ota = false;
    ended_ota = true;
    return ESP_OK;
}

esp_err_t esp_ota_abort(esp_ota_handle_t handle)
{
    HOLDS(handle == 1 && open_ota);
    open_ota = false;
    return ESP_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const esp_partition_t SLOT = {.label = "ota_1"};
    trigger_t trigger = {.url = "http://10.0.2.2:8000/update.bin", .version = "1.1.0", .counter = 1};
    const char *reason = NULL;

    if (size < 2) {
        return 0;
    }
    trigger.size = 1 + data[1];
    server.at = data + 2;
    server.left = size - 2;
    server.piece = data[0] ? data[0] : SIZE_MAX;
    open_ota = ended_ota = false;
    clock_us = 0;
    /* The digest of a body of zeros is known, so that a download can come to its end. */
    const uint8_t zeros[256] = {0};
    mbedtls_sha256_ret(zeros, trigger.size, trigger.sha256, 0);
    const esp_err_t err = download_image(&trigger, &SLOT, &reason);
    HOLDS(!open_ota);
    HOLDS((err == ESP_OK) == ended_ota);
    HOLDS(err != ESP_OK || written == trigger.size);
    HOLDS(err == ESP_OK || reason != NULL);
    return 0;
}
