/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flash_port.h"

#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"

#include "board_link_client.h"
#include "esp_log.h"
#include "esp_system.h"

/* Made by the first task that comes; when two come at once, one throws its own away. */
static SemaphoreHandle_t made(enum flash_lock lock)
{
    static SemaphoreHandle_t locks[FLASH_LOCK_COUNT];
    SemaphoreHandle_t there = __atomic_load_n(&locks[lock], __ATOMIC_ACQUIRE);

    if (!there) {
        SemaphoreHandle_t mine = xSemaphoreCreateMutex();
        configASSERT(mine);
        if (__atomic_compare_exchange_n(&locks[lock], &there, mine, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            return mine;
        }
        vSemaphoreDelete(mine);
    }
    return there;
}

void flash_port_lock(enum flash_lock lock)
{
    xSemaphoreTake(made(lock), portMAX_DELAY);
}

void flash_port_unlock(enum flash_lock lock)
{
    xSemaphoreGive(made(lock));
}

void flash_port_log(void *ctx, char level, const char *tag, const char *text)
{
    (void)ctx;
    switch (level) {
    case 'E':
        ESP_LOGE(tag, "%s", text);
        break;
    case 'W':
        ESP_LOGW(tag, "%s", text);
        break;
    case 'I':
        ESP_LOGI(tag, "%s", text);
        break;
    default:
        ESP_LOGD(tag, "%s", text);
    }
}

uint32_t flash_port_running_offset(void)
{
    return board_hello()->app_offset;
}

void flash_port_restart(void)
{
    esp_restart();
}
