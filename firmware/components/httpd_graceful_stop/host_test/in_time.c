/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * See in_time.h.
 */
#include "in_time.h"

#include <stdatomic.h>

#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

#define RUNS    10
#define WAKINGS 4 /* in a row, from the call to the last client's end: each may be late */

static _Atomic uint32_t latest_ms; /* the worst since in_time_begin() */
static bool again;

/* A task that only sleeps sees how late the host wakes it. */
static void watch_the_host(void *arg)
{
    (void)arg;
    for (;;) {
        int64_t since_us = esp_timer_get_time();
        vTaskDelay(1);
        int64_t late = (esp_timer_get_time() - since_us) / 1000 - portTICK_PERIOD_MS;
        if (late > 1 && (uint32_t)late > atomic_load(&latest_ms)) { /* a millisecond is usual */
            atomic_store(&latest_ms, (uint32_t)late);
        }
    }
}

void in_time_watch(void)
{
    TEST_TRUE(xTaskCreate(watch_the_host, "watch", 4096, NULL, 5, NULL) == pdPASS);
}

void in_time_begin(void)
{
    atomic_store(&latest_ms, 0);
}

bool in_time_host_was_late(long long by_ms)
{
    bool strict = board_argc > 3 && strcmp(board_argv[3], "--strict") == 0;
    bool late = !strict && by_ms <= WAKINGS * (long long)atomic_load(&latest_ms);
    if (late) {
        printf("  %lld ms too late, on a host that was %u ms late\n", by_ms, (unsigned)atomic_load(&latest_ms));
        again = true;
    }
    return late;
}

bool in_time_run(int run)
{
    bool wanted = run == 1 || again;
    if (wanted && run > RUNS) {
        TEST_FAIL("not once in time in %d runs", RUNS);
    }
    again = false;
    return wanted;
}
