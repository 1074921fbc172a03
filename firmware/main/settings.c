/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Reads the provisioning partition. A value out of range or of a wrong type counts as missing and is said in the log:
 * a board that comes up with a default can still be reached and provisioned again.
 */
#include "settings.h"

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
}

esp_err_t settings_load(void)
{
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
    err = read_string(nvs, "device_id", s_settings.device_id, sizeof(s_settings.device_id));
    if (err == ESP_OK) {
        err = read_string(nvs, "broker_uri", s_settings.broker_uri, sizeof(s_settings.broker_uri));
    }
    if (err == ESP_OK) {
        read_all(nvs, &s_settings);
    } else {
        ESP_LOGE(TAG, "device_id and broker_uri must be provisioned");
    }
    nvs_close(nvs);
    return err;
}

const settings_t *settings(void)
{
    return &s_settings;
}
