/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A task that uses more stack than it has: a panic that names it, at the next call of the kernel.
 */
#include "board_test.h"
#include "esp_system.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "native_kernel.h"

#define STACK 1024

static void glutton(void *arg)
{
    uint8_t *low = (uint8_t *)kernel_self()->stack;
    (void)arg;
    low[3] = 0; /* as one call too many would */
    vTaskDelay(1);
    TEST_FAIL("%s", "the overflow went unnoticed");
}

void app_main(void)
{
    if (esp_reset_reason() == ESP_RST_PANIC) {
        TEST_END();
    }
    xTaskCreate(glutton, "glutton", STACK, NULL, 5, NULL);
    vTaskDelay(100);
    TEST_FAIL("%s", "no panic within a second");
}
