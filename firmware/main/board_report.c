/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The `boot` event. image_sha256 is the digest appended to the running image, so that the bench can tell that what it
 * served is what runs.
 */
#include "board_report.h"

#include <stdint.h>
#include <stdio.h>

#include "esp_ota_ops.h"
#include "esp_partition.h"
#include "esp_system.h"

#include "events.h"
#include "idf_compat.h"

static char s_image_sha256[65];

static const char *reset_reason_name(esp_reset_reason_t reason)
{
    switch (reason) {
    case ESP_RST_POWERON:
        return "POWERON";
    case ESP_RST_EXT:
        return "EXT";
    case ESP_RST_SW:
        return "SW";
    case ESP_RST_PANIC:
        return "PANIC";
    case ESP_RST_INT_WDT:
        return "INT_WDT";
    case ESP_RST_TASK_WDT:
        return "TASK_WDT";
    case ESP_RST_WDT:
        return "WDT";
    case ESP_RST_DEEPSLEEP:
        return "DEEPSLEEP";
    case ESP_RST_BROWNOUT:
        return "BROWNOUT";
    default:
        return "UNKNOWN";
    }
}

static const char *ota_state_name(const esp_partition_t *running)
{
    esp_ota_img_states_t state;
    if (esp_ota_get_state_partition(running, &state) != ESP_OK) {
        return "UNDEFINED"; /* never updated: there is no record of it */
    }
    switch (state) {
    case ESP_OTA_IMG_NEW:
        return "NEW";
    case ESP_OTA_IMG_PENDING_VERIFY:
        return "PENDING_VERIFY";
    case ESP_OTA_IMG_VALID:
        return "VALID";
    case ESP_OTA_IMG_INVALID:
        return "INVALID";
    case ESP_OTA_IMG_ABORTED:
        return "ABORTED";
    default:
        return "UNDEFINED";
    }
}

static void to_hex(const uint8_t *bytes, size_t count, const char *between, char *out)
{
    for (size_t i = 0; i < count; i++) {
        out += sprintf(out, "%s%02x", i > 0 ? between : "", bytes[i]);
    }
}

void board_report_boot(void)
{
    const esp_partition_t *running = esp_ota_get_running_partition();
    const esp_app_desc_t *app = esp_app_get_description();
    uint8_t digest[32] = {0};
    uint8_t mac[6] = {0};
    char mac_hex[18];
    esp_partition_get_sha256(running, digest);
    esp_read_mac(mac, ESP_MAC_WIFI_STA); /* on every chip the base address itself, which flashing tools show */
    to_hex(digest, sizeof(digest), "", s_image_sha256);
    to_hex(mac, sizeof(mac), ":", mac_hex);
    event("boot",
          "\"reset_reason\":\"%s\",\"version\":\"%s\",\"project\":\"%s\",\"slot\":\"%s\",\"ota_state\":\"%s\","
          "\"idf\":\"%s\",\"image_sha256\":\"%s\",\"mac\":\"%s\"",
          reset_reason_name(esp_reset_reason()), app->version, app->project_name, running->label,
          ota_state_name(running), app->idf_ver, s_image_sha256, mac_hex);
}

const char *board_report_image_sha256(void)
{
    return s_image_sha256;
}
