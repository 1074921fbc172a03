/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A race on purpose, for ThreadSanitizer to report, which ends the program with its first report.
 */
#include "board_test.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

static int shared;

static void count_up(void *arg)
{
    (void)arg;
    for (;;) { /* without a call of the kernel, whose lock would put the two in order */
        shared++;
        vPortYield();
    }
}

void app_main(void)
{
    for (int i = 0; i < 2; i++) {
        TEST_TRUE(xTaskCreate(count_up, "count_up", 4096, NULL, 5, NULL) == pdPASS);
    }
    vTaskDelay(pdMS_TO_TICKS(5000));
    TEST_FAIL("ThreadSanitizer did not report the race on shared = %d", shared);
}
