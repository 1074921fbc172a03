/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Queues, semaphores and mutexes: order, limits, waiting and its end.
 */
#include <stdatomic.h>

#include "board_test.h"
#include "esp_heap_caps.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"
#include "freertos/semphr.h"
#include "freertos/task.h"

#define STACK   1024
#define TICK_US 10000

static int receive(QueueHandle_t queue)
{
    int item = -1;
    return xQueueReceive(queue, &item, 0) == pdTRUE ? item : -1;
}

static BaseType_t send(QueueHandle_t queue, int item, TickType_t ticks)
{
    return xQueueSend(queue, &item, ticks);
}

static void items_come_in_order_and_from_the_front(void)
{
    QueueHandle_t queue = xQueueCreate(3, sizeof(int));
    int item = 9;
    for (int round = 0; round < 5; round++) { /* round the end of the buffer */
        TEST_EQ(pdTRUE, send(queue, 1, 0));
        TEST_EQ(pdTRUE, send(queue, 2, 0));
        TEST_EQ(pdTRUE, xQueueSendToFront(queue, &item, 0));
        TEST_EQ(errQUEUE_FULL, send(queue, 3, 0));
        TEST_EQ(3, uxQueueMessagesWaiting(queue));
        TEST_EQ(0, uxQueueSpacesAvailable(queue));
        int peeked;
        TEST_EQ(pdTRUE, xQueuePeek(queue, &peeked, 0));
        TEST_EQ(9, peeked);
        TEST_EQ(9, receive(queue));
        TEST_EQ(1, receive(queue));
        TEST_EQ(2, receive(queue));
        TEST_EQ(-1, receive(queue));
    }
    send(queue, 5, 0);
    xQueueReset(queue);
    TEST_EQ(0, uxQueueMessagesWaiting(queue));
    vQueueDelete(queue);

    queue = xQueueCreate(1, sizeof(int));
    for (item = 1; item <= 3; item++) {
        TEST_EQ(pdTRUE, xQueueOverwrite(queue, &item));
    }
    TEST_EQ(3, receive(queue));
    vQueueDelete(queue);
}

static void waiting_ends_at_its_limit(void)
{
    QueueHandle_t queue = xQueueCreate(1, sizeof(int));
    int item;
    for (TickType_t ticks = 1; ticks <= 10; ticks += 3) {
        int64_t start = esp_timer_get_time();
        TEST_EQ(errQUEUE_EMPTY, xQueueReceive(queue, &item, ticks));
        TEST_WITHIN((ticks - 1) * TICK_US, ticks * TICK_US + 500000, esp_timer_get_time() - start);
    }
    send(queue, 1, 0);
    int64_t start = esp_timer_get_time();
    TEST_EQ(errQUEUE_FULL, send(queue, 2, 5));
    TEST_WITHIN(4 * TICK_US, 5 * TICK_US + 500000, esp_timer_get_time() - start);
    vQueueDelete(queue);
}

static void produce(void *arg)
{
    for (int i = 0; i < 1000; i++) {
        TEST_EQ(pdTRUE, send(arg, i, portMAX_DELAY));
    }
    vTaskDelete(NULL);
}

static void a_full_queue_holds_its_producer(void)
{
    QueueHandle_t queue = xQueueCreate(4, sizeof(int));
    xTaskCreate(produce, "producer", STACK, queue, 5, NULL);
    for (int i = 0; i < 1000; i++) {
        int item;
        TEST_EQ(pdTRUE, xQueueReceive(queue, &item, 100));
        TEST_EQ(i, item);
    }
    vTaskDelay(2);
    vQueueDelete(queue);
}

static atomic_int sum;

static void consume(void *arg)
{
    int item;
    while (xQueueReceive(arg, &item, portMAX_DELAY) == pdTRUE && item >= 0) {
        atomic_fetch_add(&sum, item);
    }
    atomic_fetch_add(&sum, 1000000);
    vTaskDelete(NULL);
}

static void no_item_is_lost_or_doubled_among_many(void)
{
    QueueHandle_t queue = xQueueCreate(3, sizeof(int));
    atomic_store(&sum, 0);
    for (int i = 0; i < 4; i++) {
        xTaskCreate(produce, "producer", STACK, queue, 5, NULL);
        xTaskCreate(consume, "consumer", STACK, queue, 5, NULL);
    }
    const int expected = 4 * 999 * 1000 / 2;
    for (int i = 0; i < 1000 && atomic_load(&sum) != expected; i++) {
        vTaskDelay(1);
    }
    TEST_EQ(expected, atomic_load(&sum));
    for (int i = 0; i < 4; i++) {
        send(queue, -1, portMAX_DELAY);
    }
    for (int i = 0; i < 100 && atomic_load(&sum) != expected + 4000000; i++) {
        vTaskDelay(1);
    }
    TEST_EQ(expected + 4000000, atomic_load(&sum));
    vQueueDelete(queue);
}

static void take_one(void *arg)
{
    int item;
    xQueueReceive(arg, &item, portMAX_DELAY);
    atomic_store(&sum, atomic_load(&sum) * 10 + (int)uxTaskPriorityGet(NULL));
    vTaskDelay(portMAX_DELAY); /* until it is deleted */
}

static void the_highest_priority_is_served_first(void)
{
    static const UBaseType_t priorities[] = {3, 5, 2, 6};
    static const int expected[] = {6, 65, 653, 6532};
    QueueHandle_t queue = xQueueCreate(1, sizeof(int));
    TaskHandle_t tasks[4];
    atomic_store(&sum, 0);
    for (int i = 0; i < 4; i++) {
        xTaskCreate(take_one, "one", STACK, queue, priorities[i], &tasks[i]);
        TEST_EVENTUALLY(eTaskGetState(tasks[i]) == eBlocked);
    }
    for (int i = 0; i < 4; i++) {
        send(queue, i, 0);
        TEST_EVENTUALLY(atomic_load(&sum) == expected[i]);
    }
    for (int i = 0; i < 4; i++) {
        vTaskDelete(tasks[i]);
    }
    vQueueDelete(queue);
}

static void a_deleted_queue_wakes_nobody(void)
{
    QueueHandle_t queue = xQueueCreate(1, sizeof(int));
    TaskHandle_t task;
    atomic_store(&sum, 0);
    xTaskCreate(consume, "consumer", STACK, queue, 5, &task);
    while (eTaskGetState(task) != eBlocked) {
        vTaskDelay(1);
    }
    vQueueDelete(queue);
    vTaskDelay(3);
    TEST_EQ(0, atomic_load(&sum));
    TEST_EQ(eBlocked, eTaskGetState(task));
    vTaskDelete(task);
    TEST_TRUE(heap_caps_check_integrity_all(true));
}

static void semaphores_count(void)
{
    SemaphoreHandle_t semaphore = xSemaphoreCreateCounting(3, 1);
    TEST_EQ(pdTRUE, xSemaphoreTake(semaphore, 0));
    TEST_EQ(pdFALSE, xSemaphoreTake(semaphore, 2));
    for (int i = 0; i < 3; i++) {
        TEST_EQ(pdTRUE, xSemaphoreGive(semaphore));
    }
    TEST_EQ(pdFALSE, xSemaphoreGive(semaphore));
    TEST_EQ(3, uxSemaphoreGetCount(semaphore));
    vSemaphoreDelete(semaphore);

    semaphore = xSemaphoreCreateBinary();
    TEST_EQ(pdFALSE, xSemaphoreTake(semaphore, 0)); /* empty at first */
    xSemaphoreGive(semaphore);
    TEST_EQ(pdTRUE, xSemaphoreTake(semaphore, 0));
    vSemaphoreDelete(semaphore);
}

struct shared {
    SemaphoreHandle_t mutex;
    SemaphoreHandle_t done;
    int value;
};

static void increment(void *arg)
{
    struct shared *shared = arg;
    for (int i = 0; i < 500; i++) {
        xSemaphoreTake(shared->mutex, portMAX_DELAY);
        int seen = shared->value;
        taskYIELD();
        shared->value = seen + 1;
        xSemaphoreGive(shared->mutex);
    }
    xSemaphoreGive(shared->done);
    vTaskDelete(NULL);
}

static void a_mutex_excludes(void)
{
    struct shared shared = {.mutex = xSemaphoreCreateMutex(), .done = xSemaphoreCreateCounting(4, 0)};
    for (int i = 0; i < 4; i++) {
        xTaskCreate(increment, "increment", STACK, &shared, 5, NULL);
    }
    for (int i = 0; i < 4; i++) {
        TEST_EQ(pdTRUE, xSemaphoreTake(shared.done, 500));
    }
    TEST_EQ(2000, shared.value);
    xSemaphoreTake(shared.mutex, 0);
    TEST_TRUE(xSemaphoreGetMutexHolder(shared.mutex) == xTaskGetCurrentTaskHandle());
    TEST_EQ(pdFALSE, xSemaphoreTake(shared.mutex, 1)); /* it does not nest */
    xSemaphoreGive(shared.mutex);
    TEST_TRUE(xSemaphoreGetMutexHolder(shared.mutex) == NULL);
    vSemaphoreDelete(shared.mutex);
    vSemaphoreDelete(shared.done);
}

static void take_and_tell(void *arg)
{
    atomic_store(&sum, xSemaphoreTakeRecursive(arg, 2));
    vTaskDelete(NULL);
}

static void a_recursive_mutex_nests(void)
{
    static StaticSemaphore_t storage;
    SemaphoreHandle_t mutex = xSemaphoreCreateRecursiveMutexStatic(&storage);
    TEST_EQ(pdFALSE, xSemaphoreGiveRecursive(mutex));
    for (int i = 0; i < 3; i++) {
        TEST_EQ(pdTRUE, xSemaphoreTakeRecursive(mutex, 0));
    }
    for (int i = 0; i < 3; i++) {
        atomic_store(&sum, -1);
        xTaskCreate(take_and_tell, "taker", STACK, mutex, 5, NULL);
        for (int j = 0; j < 100 && atomic_load(&sum) == -1; j++) {
            vTaskDelay(1);
        }
        TEST_EQ(pdFALSE, atomic_load(&sum));
        TEST_EQ(pdTRUE, xSemaphoreGiveRecursive(mutex));
    }
    TEST_EQ(pdFALSE, xSemaphoreGiveRecursive(mutex));
    TEST_EQ(pdTRUE, xSemaphoreTakeRecursive(mutex, 0));
    vSemaphoreDelete(mutex);
}

void app_main(void)
{
    TEST_RUN(items_come_in_order_and_from_the_front);
    TEST_RUN(waiting_ends_at_its_limit);
    TEST_RUN(a_full_queue_holds_its_producer);
    TEST_RUN(no_item_is_lost_or_doubled_among_many);
    TEST_RUN(the_highest_priority_is_served_first);
    TEST_RUN(a_deleted_queue_wakes_nobody);
    TEST_RUN(semaphores_count);
    TEST_RUN(a_mutex_excludes);
    TEST_RUN(a_recursive_mutex_nests);
    TEST_END();
}
