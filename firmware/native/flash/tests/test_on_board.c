/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The flash as a program on the board has it: through the link to the supervisor, from several tasks, over a reset.
 */
#include <string.h>

#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"

#include "board_test.h"
#include "esp_app_desc.h"
#include "esp_ota_ops.h"
#include "esp_partition.h"
#include "esp_system.h"
#include "flash.h"
#include "nvs.h"
#include "nvs_flash.h"

#define WRITERS 4
#define ROUNDS  150u
#define SPARE   0x200000u /* belongs to no partition of the test's flash */

static SemaphoreHandle_t finished;

static void test_raw_flash(void)
{
    static uint8_t data[10000], got[10000];

    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 11);
    }
    TEST_EQ(4 * 1024 * 1024, flash_size());
    TEST_EQ(ESP_OK, flash_erase(SPARE, 4 * FLASH_SECTOR));
    TEST_EQ(ESP_OK, flash_write(SPARE + 7, data, sizeof data));
    TEST_EQ(ESP_OK, flash_read(SPARE + 7, got, sizeof got));
    TEST_EQ(0, memcmp(data, got, sizeof got));
    TEST_EQ(ESP_OK, flash_write(SPARE + 7, "\x0f", 1)); /* bits are only cleared */
    TEST_EQ(ESP_OK, flash_read(SPARE + 8, got, 1));
    TEST_EQ(11, got[0]);
    TEST_EQ(ESP_ERR_INVALID_ARG, flash_erase(SPARE + 1, FLASH_SECTOR));
    TEST_EQ(ESP_ERR_INVALID_SIZE, flash_write(4 * 1024 * 1024 - 1, data, 2));
    TEST_EQ(ESP_ERR_INVALID_SIZE, flash_read(4 * 1024 * 1024, got, 1));
}

static void writer(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg;
    char key[16], text[32], got[32];
    nvs_handle_t h;

    snprintf(key, sizeof key, "writer%u", (unsigned)me);
    TEST_EQ(ESP_OK, nvs_open("tasks", NVS_READWRITE, &h));
    for (uint32_t i = 0; i < ROUNDS; i++) {
        size_t len = sizeof got;
        snprintf(text, sizeof text, "%u wrote %u", (unsigned)me, (unsigned)i);
        TEST_EQ(ESP_OK, nvs_set_str(h, key, text));
        TEST_EQ(ESP_OK, nvs_get_str(h, key, got, &len));
        TEST_STR_EQ(text, got);
    }
    nvs_close(h);
    xSemaphoreGive(finished);
    vTaskDelete(NULL);
}

static void test_nvs_from_tasks(void)
{
    finished = xSemaphoreCreateCounting(WRITERS, 0);
    TEST_EQ(ESP_OK, nvs_flash_init());
    for (uintptr_t i = 0; i < WRITERS; i++) {
        TEST_EQ(pdPASS, xTaskCreate(writer, "writer", 4096, (void *)i, 5, NULL));
    }
    for (int i = 0; i < WRITERS; i++) {
        TEST_EQ(pdTRUE, xSemaphoreTake(finished, pdMS_TO_TICKS(20000)));
    }
}

static void test_after_reset(void)
{
    uint8_t byte = 0;
    nvs_handle_t h;

    TEST_EQ(ESP_OK, flash_read(SPARE + 8, &byte, 1));
    TEST_EQ(11, byte);
    TEST_EQ(ESP_OK, nvs_flash_init());
    TEST_EQ(ESP_OK, nvs_open("tasks", NVS_READONLY, &h));
    for (unsigned i = 0; i < WRITERS; i++) {
        char key[16], text[32], got[32];
        size_t len = sizeof got;
        snprintf(key, sizeof key, "writer%u", i);
        snprintf(text, sizeof text, "%u wrote %u", i, ROUNDS - 1);
        TEST_EQ(ESP_OK, nvs_get_str(h, key, got, &len));
        TEST_STR_EQ(text, got);
    }
}

/* Run from no slot: nothing to fall back to, and no digest to name. */
static void test_description(void)
{
    char hex[17];

    TEST_STR_EQ("4.5.6", esp_app_get_description()->version);
    TEST_STR_EQ("flash_test", esp_app_get_description()->project_name);
    TEST_STR_EQ("v5.4.2", esp_app_get_description()->idf_ver);
    TEST_EQ(17, esp_app_get_elf_sha256(hex, sizeof hex));
    TEST_STR_EQ("0000000000000000", hex);
    TEST_TRUE(esp_ota_get_running_partition() == NULL);
    TEST_TRUE(!esp_ota_check_rollback_is_possible());
}

void app_main(void)
{
    if (esp_reset_reason() == ESP_RST_POWERON) {
        TEST_RUN(test_raw_flash);
        TEST_RUN(test_nvs_from_tasks);
        esp_restart();
    }
    TEST_EQ(ESP_RST_SW, esp_reset_reason());
    TEST_RUN(test_after_reset);
    TEST_RUN(test_description);
    TEST_END();
}
