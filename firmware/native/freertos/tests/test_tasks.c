/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Tasks: life and death, above all death from outside, which must be possible wherever the victim stands.
 */
#include <stdatomic.h>

#include "board_test.h"
#include "esp_heap_caps.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"
#include "freertos/semphr.h"
#include "freertos/task.h"

#define STACK 1024

static size_t free_heap(void)
{
    return heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
}

static void wait_for_tasks(UBaseType_t count)
{
    for (int i = 0; i < 100 && uxTaskGetNumberOfTasks() != count; i++) {
        vTaskDelay(1);
    }
    TEST_EQ(count, uxTaskGetNumberOfTasks());
}

static void wait_for_state(TaskHandle_t task, eTaskState state)
{
    for (int i = 0; i < 100 && eTaskGetState(task) != state; i++) {
        vTaskDelay(1);
    }
    TEST_EQ(state, eTaskGetState(task));
}

static atomic_int counter;

static void count_once(void *arg)
{
    atomic_fetch_add(&counter, (int)(intptr_t)arg);
    vTaskDelete(NULL);
}

static void spin(void *arg)
{
    (void)arg;
    for (;;) {
        atomic_fetch_add(&counter, 1);
    }
}

static void wait_for_ever(void *arg)
{
    char item;
    xQueueReceive(arg, &item, portMAX_DELAY);
    vTaskDelete(NULL);
}

static void a_task_runs_and_is_freed_by_idle(void)
{
    UBaseType_t tasks = uxTaskGetNumberOfTasks();
    size_t before = free_heap();
    for (int i = 0; i < 20; i++) {
        atomic_store(&counter, 0);
        TEST_EQ(pdPASS, xTaskCreate(count_once, "once", STACK, (void *)7, 5, NULL));
        wait_for_tasks(tasks);
        TEST_EQ(7, atomic_load(&counter));
        TEST_EQ(before, free_heap());
    }
}

static void a_task_is_known_by_name_handle_and_priority(void)
{
    QueueHandle_t queue = xQueueCreate(1, 1);
    TaskHandle_t task;
    UBaseType_t tasks = uxTaskGetNumberOfTasks();
    TEST_STR_EQ("main", pcTaskGetName(NULL));
    TEST_EQ(pdPASS, xTaskCreate(wait_for_ever, "a name that is too long", STACK, queue, 3, &task));
    TEST_EQ(tasks + 1, uxTaskGetNumberOfTasks());
    TEST_STR_EQ("a name that is ", pcTaskGetName(task));
    TEST_TRUE(xTaskGetHandle("a name that is ") == task);
    TEST_TRUE(xTaskGetHandle("nobody") == NULL);
    TEST_EQ(3, uxTaskPriorityGet(task));
    vTaskPrioritySet(task, 4);
    TEST_EQ(4, uxTaskPriorityGet(task));
    wait_for_state(task, eBlocked);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    TEST_WITHIN(STACK / 4, STACK - 1, uxTaskGetStackHighWaterMark(task));
#endif
    vTaskDelete(task);
    TEST_TRUE(xTaskGetHandle("a name that is ") == NULL);
    vQueueDelete(queue);
}

static void a_blocked_task_is_deleted_at_once(void)
{
    QueueHandle_t queue = xQueueCreate(1, 1);
    TaskHandle_t task;
    UBaseType_t tasks = uxTaskGetNumberOfTasks();
    size_t before = free_heap();
    for (int i = 0; i < 20; i++) {
        TEST_EQ(pdPASS, xTaskCreate(wait_for_ever, "blocked", STACK, queue, 5, &task));
        wait_for_state(task, eBlocked);
        vTaskDelete(task);
        TEST_EQ(tasks, uxTaskGetNumberOfTasks());
        TEST_EQ(before, free_heap());
    }
    /* The queue has forgotten them: an item stays. */
    TEST_EQ(pdTRUE, xQueueSend(queue, "x", 0));
    vTaskDelay(2);
    TEST_EQ(1, uxQueueMessagesWaiting(queue));
    vQueueDelete(queue);
}

static void a_running_task_is_deleted_where_it_stands(void)
{
    TaskHandle_t task;
    size_t before = free_heap();
    for (int i = 0; i < 20; i++) {
        atomic_store(&counter, 0);
        TEST_EQ(pdPASS, xTaskCreate(spin, "spin", STACK, NULL, 5, &task));
        while (atomic_load(&counter) == 0) {
            taskYIELD();
        }
        vTaskDelete(task);
        int stopped_at = atomic_load(&counter);
        vTaskDelay(2);
        TEST_EQ(stopped_at, atomic_load(&counter));
        TEST_EQ(before, free_heap());
    }
}

struct on_stack {
    const uint8_t *address;
    QueueHandle_t queue;
};

static void show_stack(void *arg)
{
    volatile uint8_t local[64];
    struct on_stack *shown = arg;
    memset((void *)local, 0x11, sizeof(local));
    shown->address = (const uint8_t *)local;
    char item;
    xQueueReceive(shown->queue, &item, portMAX_DELAY);
    TEST_FAIL("the deleted task runs on: %d", local[0]);
}

__attribute__((no_sanitize("address", "thread"))) static void check_fill(const uint8_t *stack)
{
    for (int i = 0; i < 64; i++) {
        uint8_t byte = stack[i];
        TEST_EQ(0xA5, byte);
    }
}

static void a_dead_stack_is_filled(void)
{
    struct on_stack shown = {.queue = xQueueCreate(1, 1)};
    TaskHandle_t task;
    TEST_EQ(pdPASS, xTaskCreate(show_stack, "shown", STACK, &shown, 5, &task));
    wait_for_state(task, eBlocked);
    TEST_EQ(0x11, shown.address[0]);
    vTaskDelete(task);
    check_fill(shown.address);
    TEST_TRUE(heap_caps_check_integrity_all(true));
    vQueueDelete(shown.queue);
}

static portMUX_TYPE mux = portMUX_INITIALIZER_UNLOCKED;
static atomic_int inside;

static void stay_inside(void *arg)
{
    for (;;) {
        portENTER_CRITICAL(&mux);
        portENTER_CRITICAL(&mux); /* it nests */
        atomic_store(&inside, 1);
        int64_t until_us = esp_timer_get_time() + (intptr_t)arg;
        while (esp_timer_get_time() < until_us) {
        }
        atomic_store(&inside, 0);
        portEXIT_CRITICAL(&mux);
        portEXIT_CRITICAL(&mux);
    }
}

static void a_critical_section_is_left_first(void)
{
    TaskHandle_t task;
    for (int i = 0; i < 20; i++) {
        TEST_EQ(pdPASS, xTaskCreate(stay_inside, "inside", STACK, (void *)3000, 5, &task));
        while (!atomic_load(&inside)) {
            taskYIELD();
        }
        vTaskDelete(task);
        TEST_EQ(0, atomic_load(&inside));
        portENTER_CRITICAL(&mux); /* it would never come free */
        portEXIT_CRITICAL(&mux);
    }
}

static void allocate_and_print(void *arg)
{
    (void)arg;
    for (;;) {
        void *block = heap_caps_malloc(100, MALLOC_CAP_DEFAULT);
        heap_caps_free(block);
        printf("%s", "");
        atomic_fetch_add(&counter, 1);
    }
}

static void no_lock_stays_behind(void)
{
    TaskHandle_t task;
    for (int i = 0; i < 100; i++) {
        atomic_store(&counter, 0);
        TEST_EQ(pdPASS, xTaskCreate(allocate_and_print, "busy", 2 * STACK, NULL, 5, &task));
        while (atomic_load(&counter) < 3 + i % 7) {
            taskYIELD();
        }
        vTaskDelete(task);
        heap_caps_free(heap_caps_malloc(10, MALLOC_CAP_DEFAULT));
        printf("%s", "");
    }
    TEST_TRUE(heap_caps_check_integrity_all(true));
}

static void suspended_tasks_stand_and_go_on(void)
{
    TaskHandle_t task;
    atomic_store(&counter, 0);
    TEST_EQ(pdPASS, xTaskCreate(spin, "spin", STACK, NULL, 5, &task));
    for (int i = 0; i < 10; i++) {
        vTaskSuspend(task);
        TEST_EQ(eSuspended, eTaskGetState(task));
        int stopped_at = atomic_load(&counter);
        vTaskDelay(2);
        TEST_EQ(stopped_at, atomic_load(&counter));
        vTaskResume(task);
        for (int j = 0; j < 100 && atomic_load(&counter) == stopped_at; j++) {
            vTaskDelay(1);
        }
        TEST_TRUE(atomic_load(&counter) != stopped_at);
    }
    vTaskSuspend(task);
    size_t before = free_heap();
    vTaskDelete(task); /* a suspended one dies too */
    TEST_TRUE(free_heap() > before);
}

static void a_task_dies_before_it_has_run(void)
{
    size_t before = free_heap();
    for (int i = 0; i < 200; i++) {
        TaskHandle_t task;
        TEST_EQ(pdPASS, xTaskCreate(spin, "young", STACK, NULL, 5, &task));
        vTaskDelete(task);
        TEST_EQ(before, free_heap());
    }
}

static void delete_each_other(void *arg)
{
    _Atomic(TaskHandle_t) *other = arg;
    while (atomic_load(other) == NULL) {
    }
    vTaskDelete(atomic_load(other));
    atomic_fetch_add(&counter, 1);
    vTaskDelay(portMAX_DELAY);
}

static void two_tasks_delete_each_other(void)
{
    for (int i = 0; i < 50; i++) {
        static _Atomic(TaskHandle_t) first, second;
        UBaseType_t tasks = uxTaskGetNumberOfTasks();
        TaskHandle_t a, b;
        atomic_store(&first, NULL);
        atomic_store(&second, NULL);
        atomic_store(&counter, 0);
        TEST_EQ(pdPASS, xTaskCreate(delete_each_other, "a", STACK, &second, 5, &a));
        TEST_EQ(pdPASS, xTaskCreate(delete_each_other, "b", STACK, &first, 5, &b));
        atomic_store(&first, a);
        atomic_store(&second, b);
        wait_for_tasks(tasks + 1); /* one of them won */
        while (atomic_load(&counter) == 0) {
            taskYIELD();
        }
        TEST_EQ(1, atomic_load(&counter));
        vTaskDelete(xTaskGetHandle("a") != NULL ? xTaskGetHandle("a") : xTaskGetHandle("b"));
    }
}

static void delays_end_on_a_tick(void)
{
    for (int ticks = 1; ticks <= 5; ticks++) {
        int64_t start = esp_timer_get_time();
        TickType_t tick = xTaskGetTickCount();
        vTaskDelay((TickType_t)ticks);
        TEST_TRUE(xTaskGetTickCount() >= tick + (TickType_t)ticks);
        TEST_WITHIN((ticks - 1) * 10000, ticks * 10000 + 500000, esp_timer_get_time() - start);
    }
    TickType_t wake = xTaskGetTickCount(), first = wake;
    for (int i = 0; i < 5; i++) {
        vTaskDelayUntil(&wake, 2);
    }
    TEST_EQ(first + 10, wake);
    TEST_EQ(5, pdMS_TO_TICKS(50));
    TEST_EQ(0, pdMS_TO_TICKS(9));
}

static void deleted(int index, void *value)
{
    atomic_fetch_add(&counter, index * 100 + (int)(intptr_t)value);
}

static void own_pointers(void *arg)
{
    vTaskSetThreadLocalStoragePointerAndDelCallback(NULL, 1, (void *)7, deleted);
    TEST_TRUE(pvTaskGetThreadLocalStoragePointer(NULL, 1) == (void *)7);
    if (arg != NULL) {
        vTaskDelay(portMAX_DELAY);
    }
    vTaskDelete(NULL);
}

static void local_pointers_are_given_back(void)
{
    TaskHandle_t task;
    UBaseType_t tasks = uxTaskGetNumberOfTasks();
    atomic_store(&counter, 0);
    TEST_EQ(pdPASS, xTaskCreate(own_pointers, "own", STACK, NULL, 5, NULL));
    wait_for_tasks(tasks);
    TEST_EQ(107, atomic_load(&counter));
    TEST_EQ(pdPASS, xTaskCreate(own_pointers, "own", STACK, (void *)1, 5, &task));
    wait_for_state(task, eBlocked);
    vTaskDelete(task);
    TEST_EQ(214, atomic_load(&counter));
}

static void notifier(void *arg)
{
    for (int i = 0; i < 3; i++) {
        xTaskNotifyGive(arg);
    }
    vTaskDelay(3);
    xTaskNotify(arg, 0x10, eSetBits);
    vTaskDelete(NULL);
}

static void notifications_arrive(void)
{
    uint32_t value;
    TEST_EQ(0, ulTaskNotifyTake(pdTRUE, 2));
    TEST_EQ(pdPASS, xTaskCreate(notifier, "notifier", STACK, xTaskGetCurrentTaskHandle(), 5, NULL));
    for (uint32_t got = 0; got < 3;) {
        got += ulTaskNotifyTake(pdFALSE, 50) > 0 ? 1 : 0;
    }
    TEST_EQ(pdTRUE, xTaskNotifyWait(0, 0xffffffff, &value, 50));
    TEST_EQ(0x10, value);
    TEST_EQ(pdFALSE, xTaskNotifyWait(0, 0, &value, 2));
    TEST_EQ(pdTRUE, xTaskNotify(xTaskGetCurrentTaskHandle(), 5, eSetValueWithoutOverwrite));
    TEST_EQ(pdFALSE, xTaskNotify(xTaskGetCurrentTaskHandle(), 6, eSetValueWithoutOverwrite));
    TEST_EQ(pdTRUE, xTaskNotifyWait(0, 0xffffffff, &value, 0));
    TEST_EQ(5, value);
}

static void creation_fails_without_memory(void)
{
    size_t before = free_heap();
    UBaseType_t tasks = uxTaskGetNumberOfTasks();
    TEST_EQ(errCOULD_NOT_ALLOCATE_REQUIRED_MEMORY, xTaskCreate(spin, "huge", 1 << 20, NULL, 5, NULL));
    TEST_EQ(before, free_heap());
    TEST_EQ(tasks, uxTaskGetNumberOfTasks());
}

void app_main(void)
{
    TEST_RUN(a_task_runs_and_is_freed_by_idle);
    TEST_RUN(a_task_is_known_by_name_handle_and_priority);
    TEST_RUN(a_blocked_task_is_deleted_at_once);
    TEST_RUN(a_running_task_is_deleted_where_it_stands);
    TEST_RUN(a_dead_stack_is_filled);
    TEST_RUN(a_critical_section_is_left_first);
    TEST_RUN(no_lock_stays_behind);
    TEST_RUN(suspended_tasks_stand_and_go_on);
    TEST_RUN(a_task_dies_before_it_has_run);
    TEST_RUN(two_tasks_delete_each_other);
    TEST_RUN(delays_end_on_a_tick);
    TEST_RUN(local_pointers_are_given_back);
    TEST_RUN(notifications_arrive);
    TEST_RUN(creation_fails_without_memory);
    TEST_END();
}
