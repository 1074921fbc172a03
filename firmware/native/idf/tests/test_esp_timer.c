/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * High-resolution timers.
 */
#include <stdatomic.h>

#include "board_test.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

static atomic_int fired;
static _Atomic int64_t fired_at_us;

static void fire(void *arg)
{
    TEST_TRUE(arg == &fired);
    TEST_STR_EQ("esp_timer", pcTaskGetName(NULL));
    atomic_store(&fired_at_us, esp_timer_get_time());
    atomic_fetch_add(&fired, 1);
}

static void dawdle(void *arg)
{
    fire(arg);
    vTaskDelay(10);
}

static esp_timer_handle_t make(esp_timer_cb_t callback, bool skip)
{
    esp_timer_handle_t timer;
    esp_timer_create_args_t args = {
        .callback = callback, .arg = &fired, .name = "test", .skip_unhandled_events = skip};
    TEST_EQ(ESP_OK, esp_timer_create(&args, &timer));
    atomic_store(&fired, 0);
    return timer;
}

static void once_at_its_time(void)
{
    esp_timer_handle_t timer = make(fire, false);
    for (int us = 500; us <= 32000; us *= 4) {
        atomic_store(&fired, 0);
        int64_t start_us = esp_timer_get_time();
        TEST_EQ(ESP_OK, esp_timer_start_once(timer, (uint64_t)us));
        TEST_EQ(ESP_ERR_INVALID_STATE, esp_timer_start_once(timer, 1));
        vTaskDelay(8);
        TEST_EQ(1, atomic_load(&fired));
        TEST_WITHIN(us, us + 20000, atomic_load(&fired_at_us) - start_us);
    }
    TEST_EQ(ESP_ERR_INVALID_STATE, esp_timer_stop(timer));
    TEST_EQ(ESP_OK, esp_timer_delete(timer));
}

static void again_and_again(void)
{
    esp_timer_handle_t timer = make(fire, false);
    TEST_EQ(ESP_OK, esp_timer_start_periodic(timer, 5000));
    TEST_TRUE(esp_timer_is_active(timer));
    TEST_EQ(ESP_ERR_INVALID_STATE, esp_timer_delete(timer));
    vTaskDelay(21);
    TEST_EQ(ESP_OK, esp_timer_stop(timer));
    TEST_WITHIN(38, 43, atomic_load(&fired));
    vTaskDelay(2);
    int at_stop = atomic_load(&fired);
    vTaskDelay(3);
    TEST_EQ(at_stop, atomic_load(&fired));
    TEST_EQ(ESP_OK, esp_timer_delete(timer));
}

/* A callback takes 100 ms, its periods come faster. */
static void missed_periods_are_made_up_or_skipped(void)
{
    esp_timer_handle_t slow = make(dawdle, false);
    esp_timer_start_periodic(slow, 25000);
    vTaskDelay(41);
    TEST_WITHIN(3, 5, atomic_load(&fired));
    esp_timer_stop(slow);
    TEST_EQ(ESP_OK, esp_timer_delete(slow));

    esp_timer_handle_t skipping = make(dawdle, true);
    vTaskDelay(15); /* the last callback of the other one */
    atomic_store(&fired, 0);
    esp_timer_start_periodic(skipping, 10000);
    vTaskDelay(27); /* callbacks from 10, 110 and 210 ms, each 100 ms long */
    esp_timer_stop(skipping);
    TEST_WITHIN(2, 3, atomic_load(&fired));
    vTaskDelay(12);
    TEST_WITHIN(2, 3, atomic_load(&fired));
    esp_timer_start_periodic(skipping, 100000);
    vTaskDelay(2);
    esp_timer_stop(skipping);
    TEST_WITHIN(2, 3, atomic_load(&fired)); /* what was missed is not made up later */
    TEST_EQ(ESP_OK, esp_timer_delete(skipping));
}

void app_main(void)
{
    TEST_RUN(once_at_its_time);
    TEST_RUN(again_and_again);
    TEST_RUN(missed_periods_are_made_up_or_skipped);
    TEST_END();
}
