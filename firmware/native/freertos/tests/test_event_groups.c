/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Event groups: any and all, cleared or not, with a limit.
 */
#include <stdatomic.h>

#include "board_test.h"
#include "freertos/FreeRTOS.h"
#include "freertos/event_groups.h"
#include "freertos/task.h"

#define STACK 1024

static EventGroupHandle_t group;
static atomic_uint seen[3];

static TaskHandle_t tasks[3];

static void wait_for_both(void *arg)
{
    int me = (int)(intptr_t)arg;
    atomic_store(&seen[me], xEventGroupWaitBits(group, 0x3, pdTRUE, pdTRUE, portMAX_DELAY));
    vTaskDelete(NULL);
}

static void bits_are_set_cleared_and_awaited(void)
{
    TEST_EQ(0, xEventGroupGetBits(group));
    TEST_EQ(0x5, xEventGroupSetBits(group, 0x5));
    TEST_EQ(0x5, xEventGroupWaitBits(group, 0x6, pdFALSE, pdFALSE, 0)); /* any */
    TEST_EQ(0x5, xEventGroupWaitBits(group, 0x6, pdTRUE, pdTRUE, 2));   /* all: at its limit, nothing cleared */
    TEST_EQ(0x5, xEventGroupGetBits(group));
    TEST_EQ(0x5, xEventGroupWaitBits(group, 0x4, pdTRUE, pdTRUE, 0));
    TEST_EQ(0x1, xEventGroupGetBits(group));
    TEST_EQ(0x1, xEventGroupClearBits(group, 0x1));
    TEST_EQ(0, xEventGroupGetBits(group));
}

static void start_waiters(TaskFunction_t code, int count)
{
    for (int i = 0; i < count; i++) {
        atomic_store(&seen[i], 99);
        TEST_EQ(pdPASS, xTaskCreate(code, "waiter", STACK, (void *)(intptr_t)i, 5, &tasks[i]));
    }
    for (int i = 0; i < count; i++) {
        TEST_EVENTUALLY(eTaskGetState(tasks[i]) == eBlocked);
    }
}

static void all_waiters_see_the_bits_that_one_clears(void)
{
    start_waiters(wait_for_both, 3);
    xEventGroupSetBits(group, 0x1);
    vTaskDelay(2);
    TEST_EQ(99, atomic_load(&seen[0]));
    xEventGroupSetBits(group, 0x2);
    for (int i = 0; i < 3; i++) {
        TEST_EVENTUALLY(atomic_load(&seen[i]) == 0x3);
    }
    TEST_EQ(0, xEventGroupGetBits(group));
}

static void meet(void *arg)
{
    int me = (int)(intptr_t)arg;
    atomic_store(&seen[me], xEventGroupSync(group, 1u << me, 0x7, 1000));
    vTaskDelete(NULL);
}

static void tasks_meet(void)
{
    start_waiters(meet, 2);
    TEST_EQ(0x7, xEventGroupSync(group, 0x4, 0x7, 1000));
    TEST_EVENTUALLY(atomic_load(&seen[0]) == 0x7);
    TEST_EVENTUALLY(atomic_load(&seen[1]) == 0x7);
    TEST_EQ(0, xEventGroupGetBits(group));
}

static void deletion_frees_the_waiters(void)
{
    start_waiters(wait_for_both, 1);
    vEventGroupDelete(group);
    TEST_EVENTUALLY(atomic_load(&seen[0]) == 0);
}

void app_main(void)
{
    group = xEventGroupCreate();
    TEST_RUN(bits_are_set_cleared_and_awaited);
    TEST_RUN(all_waiters_see_the_bits_that_one_clears);
    TEST_RUN(tasks_meet);
    TEST_RUN(deletion_frees_the_waiters);
    TEST_END();
}
