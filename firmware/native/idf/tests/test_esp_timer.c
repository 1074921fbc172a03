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

/* The first call takes 100 ms, and the periods that follow are missed. */
static void dawdle_at_first(void *arg)
{
    fire(arg);
    if (atomic_load(&fired) == 1) {
        vTaskDelay(10);
    }
}

static esp_timer_handle_t make(esp_timer_cb_t callback, bool skip)
{
    esp_timer_handle_t timer;
    esp_timer_create_args_t args = {.callback = callback, .arg = &fired, .name = "test", .skip_unhandled_events = skip};
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
        TEST_EVENTUALLY(atomic_load(&fired) == 1);
        TEST_WITHIN(us, us + 200000, atomic_load(&fired_at_us) - start_us);
    }
    TEST_EQ(ESP_ERR_INVALID_STATE, esp_timer_stop(timer));
    TEST_EQ(ESP_OK, esp_timer_start_once(timer, 10000000));
    TEST_EQ(ESP_ERR_INVALID_STATE, esp_timer_start_once(timer, 1));
    TEST_EQ(ESP_OK, esp_timer_restart(timer, 1000));
    TEST_EVENTUALLY(atomic_load(&fired) == 2);
    TEST_EQ(ESP_OK, esp_timer_delete(timer));
}

static void again_and_again(void)
{
    esp_timer_handle_t timer = make(fire, false);
    int64_t start_us = esp_timer_get_time();
    TEST_EQ(ESP_OK, esp_timer_start_periodic(timer, 5000));
    TEST_TRUE(esp_timer_is_active(timer));
    TEST_EQ(ESP_ERR_INVALID_STATE, esp_timer_delete(timer));
    TEST_EVENTUALLY(atomic_load(&fired) >= 40);
    TEST_WITHIN(200000, 600000, esp_timer_get_time() - start_us);
    TEST_EQ(ESP_OK, esp_timer_stop(timer));
    vTaskDelay(2); /* a callback that was running */
    int at_stop = atomic_load(&fired);
    vTaskDelay(3);
    TEST_EQ(at_stop, atomic_load(&fired));
    TEST_EQ(ESP_OK, esp_timer_delete(timer));
}

static void missed_periods_are_made_up_or_skipped(void)
{
    esp_timer_handle_t timer = make(dawdle_at_first, false);
    int64_t start_us = esp_timer_get_time();
    esp_timer_start_periodic(timer, 10000);
    vTaskDelay(20);
    /* Made up: as many as there were periods. */
    TEST_EVENTUALLY(atomic_load(&fired) >= (esp_timer_get_time() - start_us) / 10000 - 2);
    esp_timer_stop(timer);
    TEST_EQ(ESP_OK, esp_timer_delete(timer));

    timer = make(dawdle_at_first, true);
    start_us = esp_timer_get_time();
    esp_timer_start_periodic(timer, 10000);
    vTaskDelay(20);
    esp_timer_stop(timer);
    /* Skipped: none for the 100 ms, but the one that was due at their end. */
    TEST_WITHIN(2, (esp_timer_get_time() - start_us - 100000) / 10000 + 3, atomic_load(&fired));
    TEST_EQ(ESP_OK, esp_timer_delete(timer));
}

void app_main(void)
{
    TEST_RUN(once_at_its_time);
    TEST_RUN(again_and_again);
    TEST_RUN(missed_periods_are_made_up_or_skipped);
    TEST_END();
}
