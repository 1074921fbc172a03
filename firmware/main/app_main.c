/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The order of a board's life: say who it is, reach the network and the broker, serve, and then wait for an update. In
 * update-only mode the update comes before serving.
 */
#include "esp_event.h"
#include "esp_log.h"
#include "nvs_flash.h"

#include "beat.h"
#include "board_report.h"
#include "boot_fault.h"
#include "events.h"
#include "mqtt_link.h"
#include "network.h"
#include "priorities.h"
#include "self_test.h"
#include "servers.h"
#include "settings.h"
#include "update.h"

/* A broker that is away must not keep the streams away: after this long the servers start without it. */
#define BROKER_WAIT_MS 5000

static const char TAG[] = "app";

/* The app's own memory. Only a partition that cannot be used at all is erased: the trigger counter lives here. */
static esp_err_t init_nvs(void)
{
    esp_err_t err = nvs_flash_init();
    if (err == ESP_ERR_NVS_NO_FREE_PAGES || err == ESP_ERR_NVS_NEW_VERSION_FOUND) {
        ESP_LOGW(TAG, "nvs is erased: %s", esp_err_to_name(err));
        err = nvs_flash_erase();
        if (err == ESP_OK) {
            err = nvs_flash_init();
        }
    }
    return err;
}

void app_main(void)
{
    vTaskPrioritySet(NULL, PRIORITY_UPDATE); /* ESP-IDF gives the main task the lowest */
    events_init();
    board_report_boot();
    ESP_ERROR_CHECK(beat_start());
    ESP_ERROR_CHECK(init_nvs());
    ESP_ERROR_CHECK(esp_event_loop_create_default());
    const bool update_only = update_only_is_noted();
    const char *missing;
    const esp_err_t provisioned = settings_load(&missing);
    boot_fault("panic");
    boot_fault("hang_early");
    ESP_ERROR_CHECK(self_test_start());
    if (provisioned != ESP_OK) {
        event("unprovisioned", "\"err\":\"%s\",\"key\":\"%s\"", esp_err_to_name(provisioned), missing);
        return; /* and the beats go on */
    }

    boot_fault("hang");
    ESP_ERROR_CHECK(network_start());
    network_wait_up(UINT32_MAX);
    ESP_ERROR_CHECK(update_init());
    boot_fault("no_broker");
    ESP_ERROR_CHECK(mqtt_link_start(update_on_trigger));
    mqtt_link_wait_up(BROKER_WAIT_MS);
    if (update_only) {
        update_only_run();
    }
    boot_fault("no_servers");
    ESP_ERROR_CHECK(servers_init());
    ESP_ERROR_CHECK(servers_start());
    mqtt_link_wait_up(UINT32_MAX);
    servers_announce_ready(false);
    update_run();
}
