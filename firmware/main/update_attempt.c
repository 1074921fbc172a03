/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The note is the version's name in the app's own nvs. It is written before the image is set to boot; when the power
 * goes between the two, nothing was tried, and the state of the other slot says so.
 */
#include "update_attempt.h"

#include <string.h>

#include "esp_log.h"
#include "esp_ota_ops.h"
#include "nvs.h"

#include "events.h"
#include "idf_compat.h"
#include "mqtt_link.h"

#define NVS_NAMESPACE "hil"
#define NVS_ATTEMPT   "attempt"
#define VERSION_BYTES 32

static const char TAG[] = "update_attempt";

static esp_err_t load(char version[VERSION_BYTES])
{
    nvs_handle_t nvs;
    size_t len = VERSION_BYTES;
    esp_err_t err = nvs_open(NVS_NAMESPACE, NVS_READONLY, &nvs);
    if (err == ESP_OK) {
        err = nvs_get_str(nvs, NVS_ATTEMPT, version, &len);
        nvs_close(nvs);
    }
    return err;
}

esp_err_t update_attempt_store(const char *version)
{
    nvs_handle_t nvs;
    esp_err_t err = nvs_open(NVS_NAMESPACE, NVS_READWRITE, &nvs);
    if (err != ESP_OK) {
        return err;
    }
    err = nvs_set_str(nvs, NVS_ATTEMPT, version);
    if (err == ESP_OK) {
        err = nvs_commit(nvs);
    }
    nvs_close(nvs);
    return err;
}

void update_attempt_clear(void)
{
    nvs_handle_t nvs;
    esp_err_t err = nvs_open(NVS_NAMESPACE, NVS_READWRITE, &nvs);
    if (err == ESP_OK) {
        err = nvs_erase_key(nvs, NVS_ATTEMPT);
        if (err == ESP_OK) {
            err = nvs_commit(nvs);
        }
        nvs_close(nvs);
    }
    if (err != ESP_OK && err != ESP_ERR_NVS_NOT_FOUND) {
        ESP_LOGE(TAG, "the note stays: %s", esp_err_to_name(err));
    }
}

/* @return how the image in the other slot ended, or NULL when it was not rolled back. */
static const char *how_it_ended(void)
{
    esp_ota_img_states_t state;
    const esp_partition_t *other = esp_ota_get_next_update_partition(NULL);
    if (other == NULL || esp_ota_get_state_partition(other, &state) != ESP_OK) {
        return NULL;
    }
    return state == ESP_OTA_IMG_ABORTED   ? "aborted" /* it was reset before it had confirmed itself */
           : state == ESP_OTA_IMG_INVALID ? "invalid" /* it gave itself up */
                                          : NULL;
}

const char *update_attempt_report(void)
{
    char version[VERSION_BYTES];
    if (load(version) != ESP_OK) {
        return NULL;
    }
    const char *how = strcmp(version, esp_app_get_description()->version) != 0 ? how_it_ended() : NULL;
    if (how != NULL) {
        event("rolled_back", "\"version\":\"%s\",\"reason\":\"%s\"", version, how);
        mqtt_link_status("rolled_back", "\"version\":\"%s\",\"reason\":\"%s\"", version, how);
    }
    update_attempt_clear();
    return how;
}
