/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Software timers: once and again, stopped, changed, deleted; and the queue to their task.
 */
#include <stdatomic.h>

#include "board_test.h"
#include "esp_heap_caps.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "freertos/timers.h"

static atomic_int fired;

static void count(TimerHandle_t timer)
{
    TEST_STR_EQ("Tmr Svc", pcTaskGetName(NULL));
    TEST_TRUE(pvTimerGetTimerID(timer) == &fired);
    atomic_fetch_add(&fired, 1);
}

static void once_is_once(void)
{
    TimerHandle_t timer = xTimerCreate("once", 3, pdFALSE, &fired, count);
    atomic_store(&fired, 0);
    TEST_EQ(pdFALSE, xTimerIsTimerActive(timer));
    TickType_t start = xTaskGetTickCount();
    TEST_EQ(pdTRUE, xTimerStart(timer, 10));
    TEST_EVENTUALLY(atomic_load(&fired) == 1);
    TEST_TRUE(xTaskGetTickCount() >= start + 3);
    vTaskDelay(6);
    TEST_EQ(1, atomic_load(&fired));
    TEST_EQ(pdFALSE, xTimerIsTimerActive(timer));
    TEST_EQ(pdTRUE, xTimerDelete(timer, 10));
}

static void again_until_stopped(void)
{
    TimerHandle_t timer = xTimerCreate("again", 2, pdTRUE, &fired, count);
    atomic_store(&fired, 0);
    TickType_t start = xTaskGetTickCount();
    xTimerStart(timer, 10);
    /* Late ones are made up for, so the number follows the time. */
    TEST_EVENTUALLY(atomic_load(&fired) >= 10);
    TEST_WITHIN(20, 40, xTaskGetTickCount() - start);
    xTimerStop(timer, 10);
    TEST_EVENTUALLY(!xTimerIsTimerActive(timer));
    vTaskDelay(1); /* a callback that was running */
    int at_stop = atomic_load(&fired);
    vTaskDelay(6);
    TEST_EQ(at_stop, atomic_load(&fired));
    xTimerDelete(timer, 10);
}

static void reset_and_a_new_period_start_anew(void)
{
    TimerHandle_t timer = xTimerCreate("reset", 50, pdFALSE, &fired, count);
    atomic_store(&fired, 0);
    TickType_t start = xTaskGetTickCount();
    xTimerStart(timer, 10);
    while (xTaskGetTickCount() < start + 60) {
        vTaskDelay(5);
        xTimerReset(timer, 10);
    }
    TEST_EQ(0, atomic_load(&fired));
    start = xTaskGetTickCount();
    TEST_EQ(pdTRUE, xTimerChangePeriod(timer, 2, 10));
    TEST_EVENTUALLY(atomic_load(&fired) == 1);
    TEST_WITHIN(2, 40, xTaskGetTickCount() - start);
    TEST_EQ(2, xTimerGetPeriod(timer));
    xTimerDelete(timer, 10);
}

static void called(void *arg, uint32_t value)
{
    atomic_store((atomic_int *)arg, (int)value);
}

static void block_service(void *arg, uint32_t value)
{
    atomic_store((atomic_int *)arg, (int)value);
    vTaskDelay(value);
}

static void the_queue_is_of_ten(void)
{
    TEST_EQ(pdTRUE, xTimerPendFunctionCall(block_service, &fired, 50, 10));
    TEST_EVENTUALLY(atomic_load(&fired) == 50); /* it is in the callback now, and the queue empty */
    for (int i = 0; i < 10; i++) {
        TEST_EQ(pdTRUE, xTimerPendFunctionCall(called, &fired, (uint32_t)(100 + i), 0));
    }
    TEST_EQ(pdFALSE, xTimerPendFunctionCall(called, &fired, 999, 2));
    TEST_EVENTUALLY(atomic_load(&fired) == 109);
}

void app_main(void)
{
    size_t before = heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
    TEST_RUN(once_is_once);
    TEST_RUN(again_until_stopped);
    TEST_RUN(reset_and_a_new_period_start_anew);
    TEST_RUN(the_queue_is_of_ten);
    TEST_EVENTUALLY(before == heap_caps_get_free_size(MALLOC_CAP_DEFAULT));
    TEST_END();
}
