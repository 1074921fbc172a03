/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The counter of the last accepted trigger, in the app's own nvs partition: a trigger that was seen once is never
 * obeyed again, whoever sends it.
 */
#include "trigger_counter.h"

#include "nvs.h"

#define NVS_NAMESPACE "hil"
#define NVS_COUNTER   "counter"

esp_err_t trigger_counter_load(uint64_t *out)
{
    *out = 0;
    nvs_handle_t nvs;
    esp_err_t err = nvs_open(NVS_NAMESPACE, NVS_READONLY, &nvs);
    if (err == ESP_OK) {
        err = nvs_get_u64(nvs, NVS_COUNTER, out);
        nvs_close(nvs);
    }
    return err == ESP_ERR_NVS_NOT_FOUND ? ESP_OK : err;
}

esp_err_t trigger_counter_store(uint64_t counter)
{
    nvs_handle_t nvs;
    esp_err_t err = nvs_open(NVS_NAMESPACE, NVS_READWRITE, &nvs);
    if (err != ESP_OK) {
        return err;
    }
    err = nvs_set_u64(nvs, NVS_COUNTER, counter);
    if (err == ESP_OK) {
        err = nvs_commit(nvs);
    }
    nvs_close(nvs);
    return err;
}
