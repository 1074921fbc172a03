/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Reads the provisioning partition. A value out of range or of a wrong type counts as missing and is said in the log:
 * a board that comes up with a default can still be reached and provisioned again.
 */
#include "settings.h"

#include <stdlib.h>
#include <string.h>

#include "esp_log.h"
#include "nvs.h"
#include "nvs_flash.h"
#include "sdkconfig.h"

#include "httpd_graceful_stop.h"

#define PARTITION "provisioning"
#define NAMESPACE "hil"
#define MINUTE_MS 60000u
#define HOUR_MS   (60u * MINUTE_MS)

static const char TAG[] = "settings";
static settings_t s_settings;

static esp_err_t read_string(nvs_handle_t nvs, const char *key, char *out, size_t size)
{
    size_t len = size;
    const esp_err_t err = nvs_get_str(nvs, key, out, &len);
    if (err != ESP_OK) {
        out[0] = '\0';
        if (err != ESP_ERR_NVS_NOT_FOUND) {
            ESP_LOGE(TAG, "%s: %s", key, esp_err_to_name(err));
        }
    }
    return err;
}

static uint32_t read_u32(nvs_handle_t nvs, const char *key, uint32_t lowest, uint32_t highest, uint32_t otherwise)
{
    uint32_t value;
    const esp_err_t err = nvs_get_u32(nvs, key, &value);
    if (err == ESP_ERR_NVS_NOT_FOUND) {
        return otherwise;
    }
    if (err != ESP_OK || value < lowest || value > highest) {
        ESP_LOGE(TAG, "%s must be a u32 from %lu to %lu: using %lu", key, (unsigned long)lowest, (unsigned long)highest,
                 (unsigned long)otherwise);
        return otherwise;
    }
    return value;
}

static uint16_t read_port(nvs_handle_t nvs, const char *key, uint16_t otherwise)
{
    uint16_t value;
    const esp_err_t err = nvs_get_u16(nvs, key, &value);
    if (err == ESP_OK && value != 0) {
        return value;
    }
    if (err != ESP_ERR_NVS_NOT_FOUND) {
        ESP_LOGE(TAG, "%s must be a u16 above 0: using %u", key, otherwise);
    }
    return otherwise;
}

/* A text of any length, kept for good. @return NULL: there is none, or *err says why it cannot be had. */
static char *read_text(nvs_handle_t nvs, const char *key, esp_err_t *err)
{
    size_t len = 0;
    *err = nvs_get_str(nvs, key, NULL, &len);
    if (*err != ESP_OK) {
        return NULL;
    }
    char *text = malloc(len);
    if (text == NULL) {
        *err = ESP_ERR_NO_MEM;
        return NULL;
    }
    *err = nvs_get_str(nvs, key, text, &len);
    if (*err != ESP_OK) {
        free(text);
        return NULL;
    }
    return text;
}

static const char *read_pem(nvs_handle_t nvs, const char *key)
{
    esp_err_t err;
    const char *text = read_text(nvs, key, &err);
    if (text == NULL && err != ESP_ERR_NVS_NOT_FOUND) {
        ESP_LOGE(TAG, "%s: %s", key, esp_err_to_name(err));
    }
    return text;
}

/* Whoever provisions a key wants triggers to be checked: whatever is wrong with it must not lead to none being so. */
static void read_trigger_key(nvs_handle_t nvs, signature_key_t *out)
{
    static const char KEY[] = "trigger_key";
    esp_err_t err;
    size_t len = 0;
    char *text = read_text(nvs, KEY, &err);
    out->state = SIGNATURE_KEY_NONE;
    if (text != NULL) {
        signature_key_read(text, out);
        free(text);
    } else if (err != ESP_ERR_NVS_NOT_FOUND || nvs_get_blob(nvs, KEY, NULL, &len) != ESP_ERR_NVS_NOT_FOUND) {
        out->state = SIGNATURE_KEY_UNUSABLE;
    }
    if (out->state == SIGNATURE_KEY_UNUSABLE) {
        ESP_LOGE(TAG, "%s is not a P-256 public key in PEM or base64 text: every trigger will be refused", KEY);
    }
}

static stream_mode_t read_stream_mode(nvs_handle_t nvs)
{
    char name[16];
    if (read_string(nvs, "stream_mode", name, sizeof(name)) == ESP_OK) {
        if (strcmp(name, "inline") == 0) {
            return STREAM_MODE_INLINE;
        }
        if (strcmp(name, "workers") != 0) {
            ESP_LOGE(TAG, "stream_mode must be inline or workers: using workers");
        }
    }
    return STREAM_MODE_WORKERS;
}

static void read_all(nvs_handle_t nvs, settings_t *s)
{
    read_string(nvs, "broker_user", s->broker_user, sizeof(s->broker_user));
    read_string(nvs, "broker_pass", s->broker_pass, sizeof(s->broker_pass));
    read_string(nvs, "wifi_ssid", s->wifi_ssid, sizeof(s->wifi_ssid));
    read_string(nvs, "wifi_pass", s->wifi_pass, sizeof(s->wifi_pass));
    s->stream_mode = read_stream_mode(nvs);
    s->frame_ms = read_u32(nvs, "frame_ms", 10, 5000, CONFIG_HIL_FRAME_MS);
    s->frame_bytes = read_u32(nvs, "frame_bytes", 1024, 32768, CONFIG_HIL_FRAME_BYTES);
    s->drain_ms = read_u32(nvs, "drain_ms", 0, MINUTE_MS, CONFIG_HTTPD_GRACEFUL_STOP_DRAIN_MS);
    s->shutdown_ms = read_u32(nvs, "shutdown_ms", 0, MINUTE_MS, CONFIG_HTTPD_GRACEFUL_STOP_SHUTDOWN_MS);
    s->stop_ms = read_u32(nvs, "stop_ms", 0, MINUTE_MS, CONFIG_HTTPD_GRACEFUL_STOP_STOP_MS);
    s->update_ms = read_u32(nvs, "update_ms", 1000, HOUR_MS, CONFIG_HIL_UPDATE_DEADLINE_MS);
    s->stall_ms = read_u32(nvs, "stall_ms", 500, HOUR_MS, CONFIG_HIL_STALL_DEADLINE_MS);
    s->self_test_ms = read_u32(nvs, "self_test_ms", 1000, HOUR_MS, CONFIG_HIL_SELF_TEST_DEADLINE_MS);
    s->port_control = read_port(nvs, "port_control", 80);
    s->port_stream = read_port(nvs, "port_stream", 81);
#if CONFIG_HIL_BOOT_FAULTS
    read_string(nvs, "boot_fault", s->boot_fault, sizeof(s->boot_fault));
#endif
    read_trigger_key(nvs, &s->trigger_key);
    s->ca = read_pem(nvs, "ca");
    s->tls_streams = read_u32(nvs, "tls_streams", 0, 1, 0) == 1;
    if (s->tls_streams) {
        s->server_cert = read_pem(nvs, "server_cert");
        s->server_key = read_pem(nvs, "server_key");
    }
}

/* Nothing is done without protection that was asked for with it. */
static esp_err_t check(const settings_t *s, const char **missing)
{
    const bool tls_broker = strncmp(s->broker_uri, "mqtts://", 8) == 0;
    if (!tls_broker && strncmp(s->broker_uri, "mqtt://", 7) != 0) {
        *missing = "broker_uri";
        return ESP_ERR_INVALID_ARG;
    }
    *missing = tls_broker && s->ca == NULL                ? "ca"
               : s->tls_streams && s->server_cert == NULL ? "server_cert"
               : s->tls_streams && s->server_key == NULL  ? "server_key"
                                                          : NULL;
    return *missing == NULL ? ESP_OK : ESP_ERR_NVS_NOT_FOUND;
}

static esp_err_t load(nvs_handle_t nvs, const char **missing)
{
    *missing = "device_id";
    esp_err_t err = read_string(nvs, *missing, s_settings.device_id, sizeof(s_settings.device_id));
    if (err != ESP_OK) {
        return err;
    }
    *missing = "broker_uri";
    err = read_string(nvs, *missing, s_settings.broker_uri, sizeof(s_settings.broker_uri));
    if (err != ESP_OK) {
        return err;
    }
    read_all(nvs, &s_settings);
    return check(&s_settings, missing);
}

esp_err_t settings_load(const char **missing)
{
    *missing = PARTITION;
    esp_err_t err = nvs_flash_init_partition(PARTITION);
    if (err != ESP_OK) {
        ESP_LOGE(TAG, "partition %s: %s", PARTITION, esp_err_to_name(err));
        return err;
    }
    nvs_handle_t nvs;
    err = nvs_open_from_partition(PARTITION, NAMESPACE, NVS_READONLY, &nvs);
    if (err != ESP_OK) {
        ESP_LOGE(TAG, "namespace %s in partition %s: %s", NAMESPACE, PARTITION, esp_err_to_name(err));
        return err;
    }
    err = load(nvs, missing);
    nvs_close(nvs);
    if (err != ESP_OK) {
        ESP_LOGE(TAG, "%s must be provisioned: %s", *missing, esp_err_to_name(err));
    }
    return err;
}

const settings_t *settings(void)
{
    return &s_settings;
}
