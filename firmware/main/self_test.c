/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The self-test runs in a task of its own beside the boot, and gives up by itself: an image that hangs at boot is
 * rolled back too.
 */
#include "self_test.h"

#include <stdatomic.h>
#include <stdio.h>

#include "esp_check.h"
#include "esp_http_client.h"
#include "esp_log.h"
#include "esp_ota_ops.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

#include "events.h"
#include "idf_compat.h"
#include "mqtt_link.h"
#include "network.h"
#include "priorities.h"
#include "servers.h"
#include "settings.h"
#include "update_attempt.h"

#define STACK_BYTES 5120
#define POLL_MS     10
#define REQUEST_MS  5000
#define GOODBYE_MS  1000

static const char TAG[] = "self_test";
static atomic_bool s_pending;
static int64_t s_deadline_us;

static bool in_time(void)
{
    return esp_timer_get_time() < s_deadline_us;
}

static bool wait_for(bool (*is_up)(uint32_t timeout_ms))
{
    while (in_time()) {
        if (is_up(POLL_MS)) {
            return true;
        }
    }
    return false;
}

static bool servers_wait_up(uint32_t timeout_ms)
{
    if (!servers_running()) {
        vTaskDelay(pdMS_TO_TICKS(timeout_ms));
    }
    return servers_running();
}

/* The control server must answer a request, as it would a stranger's. */
static bool server_answers(void)
{
    char url[40];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/status", settings()->port_control);
    const esp_http_client_config_t config = {.url = url, .timeout_ms = REQUEST_MS};
    esp_http_client_handle_t http = esp_http_client_init(&config);
    if (http == NULL) {
        return false;
    }
    const bool answered = esp_http_client_perform(http) == ESP_OK && esp_http_client_get_status_code(http) == 200;
    esp_http_client_cleanup(http);
    return answered;
}

/* @return NULL, or what is missing. */
static const char *run(void)
{
    if (!wait_for(network_wait_up)) {
        return "network";
    }
    if (!wait_for(mqtt_link_wait_up)) {
        return "broker";
    }
    if (!wait_for(servers_wait_up)) {
        return "servers";
    }
    while (!server_answers()) {
        if (!in_time()) {
            return "answer";
        }
    }
    return NULL;
}

static void roll_back(const char *reason)
{
    ESP_LOGE(TAG, "failed: %s", reason);
    event("rollback", "\"reason\":\"%s\"", reason);
    if (mqtt_link_wait_up(0)) {
        mqtt_link_status("rollback", "\"reason\":\"%s\"", reason);
        mqtt_link_say_goodbye(GOODBYE_MS);
    }
    esp_ota_mark_app_invalid_rollback_and_reboot();
    /* Comes back only when there is no image to go back to. Better this one than none, and it must stay updatable. */
    ESP_LOGE(TAG, "no image to go back to: keeping this one");
    esp_ota_mark_app_valid_cancel_rollback();
    atomic_store(&s_pending, false);
}

static void self_test_task(void *arg)
{
    (void)arg;
    const char *missing = run();
    if (missing != NULL) {
        roll_back(missing);
    } else {
        const esp_err_t err = esp_ota_mark_app_valid_cancel_rollback();
        if (err != ESP_OK) {
            roll_back("flash");
        } else {
            const char *version = esp_app_get_description()->version;
            update_attempt_clear();
            atomic_store(&s_pending, false);
            event("valid", "\"version\":\"%s\"", version);
            mqtt_link_status("valid", "\"version\":\"%s\"", version);
        }
    }
    vTaskDelete(NULL);
}

/*
 * An image that otadata does not know runs well, and yet the next one could not be rolled back to it. The boot loader
 * writes the first entry by itself, but when the power goes half way through that, it never does so again.
 */
static void be_known_in_otadata(const esp_partition_t *running)
{
    esp_err_t err = esp_ota_set_boot_partition(running);
    if (err == ESP_OK) {
        err = esp_ota_mark_app_valid_cancel_rollback();
    }
    ESP_LOGW(TAG, "%s was not in otadata: %s", running->label, esp_err_to_name(err));
}

esp_err_t self_test_start(void)
{
    const esp_partition_t *running = esp_ota_get_running_partition();
    esp_ota_img_states_t state;
    const esp_err_t known = esp_ota_get_state_partition(running, &state);
    if (known == ESP_ERR_NOT_FOUND) {
        be_known_in_otadata(running);
    }
    if (known != ESP_OK || state != ESP_OTA_IMG_PENDING_VERIFY) {
        return ESP_OK;
    }
    atomic_store(&s_pending, true);
    s_deadline_us = esp_timer_get_time() + settings()->self_test_ms * 1000LL;
    ESP_RETURN_ON_FALSE(xTaskCreate(self_test_task, "self_test", STACK_BYTES, NULL, PRIORITY_UPDATE, NULL) == pdPASS,
                        ESP_ERR_NO_MEM, TAG, "no memory");
    return ESP_OK;
}

bool self_test_is_pending(void)
{
    return atomic_load(&s_pending);
}
