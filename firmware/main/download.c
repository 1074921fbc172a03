/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The download. Nothing the server does may hold it up for ever: a read waits no longer than what is left of both
 * limits, and since esp_http_client_read() goes on while bytes trickle in, the limits are set anew with every piece
 * that arrives, inside the read.
 */
#include "download.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "esp_http_client.h"
#include "esp_log.h"
#include "esp_ota_ops.h"
#include "esp_timer.h"
#include "esp_tls.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "mbedtls/md.h"

#include "events.h"
#include "idf_compat.h"
#include "settings.h"

#define READ_BYTES     2048
#define PROGRESS_BYTES (64 * 1024)
#define REDIRECTS_MAX  5

static const char TAG[] = "download";

struct download {
    const trigger_t *trigger;
    const char *reason;
    esp_http_client_handle_t http;
    esp_ota_handle_t ota;
    bool ota_open;
    bool certificate_refused; /* when the connection failed: the server's was not what the provisioned CA vouches for */
    mbedtls_md_context_t md;
    int64_t began_us;
    int64_t last_byte_us; /* or when the waiting for the first one began */
    uint32_t received;
    uint32_t reported;
    char buffer[READ_BYTES];
};

static esp_err_t fail(struct download *d, const char *reason, esp_err_t err)
{
    d->reason = reason;
    ESP_LOGE(TAG, "%s after %" PRIu32 " bytes: %s", reason, d->received, esp_err_to_name(err));
    return err;
}

static int64_t left_ms(int64_t since_us, uint32_t limit_ms)
{
    return limit_ms - (esp_timer_get_time() - since_us) / 1000;
}

static bool is_late(const struct download *d)
{
    return left_ms(d->began_us, settings()->update_ms) <= 0;
}

static bool is_stalled(const struct download *d)
{
    return left_ms(d->last_byte_us, settings()->stall_ms) <= 0;
}

static void limit_wait(const struct download *d)
{
    const int64_t in_all = left_ms(d->began_us, settings()->update_ms);
    const int64_t stall = left_ms(d->last_byte_us, settings()->stall_ms);
    const int64_t wait_ms = in_all < stall ? in_all : stall;
    esp_http_client_set_timeout_ms(d->http, wait_ms > 0 ? (int)wait_ms : 1);
}

static esp_err_t on_http(esp_http_client_event_t *e)
{
    struct download *d = e->user_data;
    if (e->event_id == HTTP_EVENT_ON_DATA && d->http != NULL) {
        d->last_byte_us = esp_timer_get_time();
        limit_wait(d);
    } else if (e->event_id == HTTP_EVENT_ERROR && e->data != NULL) {
        int flags = 0;
        esp_tls_get_and_clear_last_error(e->data, NULL, &flags);
        d->certificate_refused = flags != 0;
    }
    return ESP_OK;
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Sends the request, follows redirects, and returns with the response's body to come. */
static esp_err_t open_response(struct download *d)
{
    bool was_tls = strncmp(d->trigger->url, "https://", 8) == 0;
    for (int redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
        d->last_byte_us = esp_timer_get_time();
        limit_wait(d);
        esp_err_t err = esp_http_client_open(d->http, 0);
        if (err != ESP_OK) {
            return fail(d, d->certificate_refused ? "certificate" : "connect", err);
        }
        const int64_t length = esp_http_client_fetch_headers(d->http);
        const int status = esp_http_client_get_status_code(d->http);
        if (length < 0 || status <= 0) {
            return fail(d, is_late(d) ? "deadline" : "stalled", ESP_ERR_TIMEOUT);
        }
        if (is_redirect(status)) {
            err = esp_http_client_set_redirection(d->http);
            if (err != ESP_OK) {
                return fail(d, "http_status", err);
            }
            esp_http_client_close(d->http);
            const bool tls = esp_http_client_get_transport_type(d->http) == HTTP_TRANSPORT_OVER_SSL;
            if (tls && settings()->ca == NULL) {
                return fail(d, "no_ca", ESP_ERR_NOT_SUPPORTED);
            }
            if (was_tls && !tls) {
                return fail(d, "plain_http", ESP_ERR_NOT_SUPPORTED);
            }
            was_tls = tls;
            continue;
        }
        if (status != 200) {
            ESP_LOGE(TAG, "HTTP status %d", status);
            return fail(d, "http_status", ESP_FAIL);
        }
        if (!esp_http_client_is_chunked_response(d->http) && length != (int64_t)d->trigger->size) {
            return fail(d, "size", ESP_ERR_INVALID_SIZE);
        }
        return ESP_OK;
    }
    return fail(d, "http_status", ESP_FAIL);
}

static esp_err_t take(struct download *d, size_t len)
{
    if (len > d->trigger->size - d->received) {
        return fail(d, "size", ESP_ERR_INVALID_SIZE);
    }
    const esp_err_t err = esp_ota_write(d->ota, d->buffer, len);
    if (err != ESP_OK) {
        /* The first piece is checked for an image's magic byte. */
        return fail(d, err == ESP_ERR_OTA_VALIDATE_FAILED ? "image" : "flash", err);
    }
    if (mbedtls_md_update(&d->md, (const unsigned char *)d->buffer, len) != 0) {
        return fail(d, "sha256", ESP_FAIL);
    }
    d->received += (uint32_t)len;
    if (d->received - d->reported >= PROGRESS_BYTES || d->received == d->trigger->size) {
        d->reported = d->received;
        event("ota_progress", "\"bytes\":%" PRIu32 ",\"total\":%" PRIu32, d->received, d->trigger->size);
    }
    return ESP_OK;
}

static esp_err_t receive(struct download *d)
{
    d->last_byte_us = esp_timer_get_time();
    for (;;) {
        limit_wait(d);
        const int len = esp_http_client_read(d->http, d->buffer, sizeof(d->buffer));
        if (len > 0) {
            const esp_err_t err = take(d, (size_t)len);
            if (err != ESP_OK) {
                return err;
            }
        } else if (esp_http_client_is_complete_data_received(d->http)) {
            return ESP_OK;
        } else if (HTTP_READ_TIMED_OUT(len)) {
            vTaskDelay(1); /* before 5.1 it may be an end that returns at once, again and again */
        } else {
            return fail(d, "truncated", ESP_FAIL);
        }
        if (is_late(d)) {
            return fail(d, "deadline", ESP_ERR_TIMEOUT);
        }
        if (is_stalled(d)) {
            return fail(d, "stalled", ESP_ERR_TIMEOUT);
        }
    }
}

static esp_err_t verify(struct download *d)
{
    uint8_t digest[32];
    if (d->received != d->trigger->size) {
        return fail(d, "size", ESP_ERR_INVALID_SIZE);
    }
    if (mbedtls_md_finish(&d->md, digest) != 0 || memcmp(digest, d->trigger->sha256, sizeof(digest)) != 0) {
        return fail(d, "sha256", ESP_ERR_INVALID_CRC);
    }
    d->ota_open = false; /* esp_ota_end() frees the handle, whatever it says */
    const esp_err_t err = esp_ota_end(d->ota);
    return err == ESP_OK ? ESP_OK : fail(d, "image", err);
}

static esp_err_t run(struct download *d, const esp_partition_t *slot)
{
    const esp_http_client_config_t config = {
        .url = d->trigger->url,
        .timeout_ms = (int)settings()->stall_ms,
        .cert_pem = settings()->ca,
        .event_handler = on_http,
        .user_data = d,
    };
    if (mbedtls_md_setup(&d->md, mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), 0) != 0 ||
        mbedtls_md_starts(&d->md) != 0) {
        return fail(d, "memory", ESP_ERR_NO_MEM);
    }
    d->http = esp_http_client_init(&config);
    if (d->http == NULL) {
        return fail(d, "memory", ESP_ERR_NO_MEM);
    }
    esp_err_t err = open_response(d);
    if (err != ESP_OK) {
        return err;
    }
    /* Erases sector by sector while writing: an erase of the whole slot at once would hold the flash for seconds. */
    err = esp_ota_begin(slot, OTA_WITH_SEQUENTIAL_WRITES, &d->ota);
    if (err != ESP_OK) {
        return fail(d, "slot", err);
    }
    d->ota_open = true;
    err = receive(d);
    return err == ESP_OK ? verify(d) : err;
}

esp_err_t download_image(const trigger_t *trigger, const esp_partition_t *slot, const char **reason)
{
    struct download *d = calloc(1, sizeof(*d));
    if (d == NULL) {
        *reason = "memory";
        return ESP_ERR_NO_MEM;
    }
    d->trigger = trigger;
    d->began_us = esp_timer_get_time();
    mbedtls_md_init(&d->md);
    const esp_err_t err = run(d, slot);
    *reason = d->reason;
    if (d->ota_open) {
        esp_ota_abort(d->ota);
    }
    if (d->http != NULL) {
        esp_http_client_cleanup(d->http);
    }
    mbedtls_md_free(&d->md);
    free(d);
    return err;
}
