/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Queues, and the semaphores and mutexes that are queues without content.
 *
 * All under the kernel lock. A waiter that is woken looks again, since another task may have been faster, and goes on
 * waiting for what is left of its time: as in FreeRTOS.
 */
#include <stdlib.h>
#include <string.h>

#include "native_kernel.h"
#include "esp_heap_caps.h"
#include "freertos/queue.h"
#include "freertos/semphr.h"

struct QueueDefinition {
    uint8_t *items; /* NULL for a semaphore */
    UBaseType_t item_size;
    UBaseType_t length;
    UBaseType_t count;
    UBaseType_t head; /* index of the item to be received next */
    enum {
        KIND_QUEUE,
        KIND_SEMAPHORE,
        KIND_MUTEX,
        KIND_RECURSIVE_MUTEX
    } kind;
    TaskHandle_t holder; /* of a mutex */
    UBaseType_t depth;   /* of a recursive mutex */
    bool is_static;
    struct wait_list senders;
    struct wait_list receivers;
};

_Static_assert(sizeof(struct QueueDefinition) <= sizeof(StaticQueue_t), "StaticQueue_t must hold a queue");

static void init_queue(QueueHandle_t queue, int kind, UBaseType_t length, UBaseType_t item_size, uint8_t *items)
{
    memset(queue, 0, sizeof(*queue));
    queue->kind = kind;
    queue->length = length;
    queue->item_size = item_size;
    queue->items = items;
}

QueueHandle_t xQueueCreate(UBaseType_t length, UBaseType_t item_size)
{
    configASSERT(length > 0);
    QueueHandle_t queue = heap_caps_malloc(sizeof(*queue) + (size_t)length * item_size, MALLOC_CAP_8BIT);
    if (queue != NULL) {
        init_queue(queue, KIND_QUEUE, length, item_size, (uint8_t *)(queue + 1));
    }
    return queue;
}

QueueHandle_t xQueueCreateStatic(UBaseType_t length, UBaseType_t item_size, uint8_t *storage, StaticQueue_t *queue)
{
    init_queue((QueueHandle_t)queue, KIND_QUEUE, length, item_size, storage);
    ((QueueHandle_t)queue)->is_static = true;
    return (QueueHandle_t)queue;
}

static SemaphoreHandle_t create_semaphore(int kind, UBaseType_t length, UBaseType_t count, StaticSemaphore_t *storage)
{
    configASSERT(length > 0 && count <= length);
    SemaphoreHandle_t semaphore =
        storage != NULL ? (SemaphoreHandle_t)storage : heap_caps_malloc(sizeof(*semaphore), MALLOC_CAP_8BIT);
    if (semaphore != NULL) {
        init_queue(semaphore, kind, length, 0, NULL);
        semaphore->count = count;
        semaphore->is_static = storage != NULL;
    }
    return semaphore;
}

SemaphoreHandle_t xSemaphoreCreateBinary(void)
{
    return create_semaphore(KIND_SEMAPHORE, 1, 0, NULL);
}

SemaphoreHandle_t xSemaphoreCreateCounting(UBaseType_t max_count, UBaseType_t initial_count)
{
    return create_semaphore(KIND_SEMAPHORE, max_count, initial_count, NULL);
}

SemaphoreHandle_t xSemaphoreCreateMutex(void)
{
    return create_semaphore(KIND_MUTEX, 1, 1, NULL);
}

SemaphoreHandle_t xSemaphoreCreateRecursiveMutex(void)
{
    return create_semaphore(KIND_RECURSIVE_MUTEX, 1, 1, NULL);
}

SemaphoreHandle_t xSemaphoreCreateBinaryStatic(StaticSemaphore_t *storage)
{
    return create_semaphore(KIND_SEMAPHORE, 1, 0, storage);
}

SemaphoreHandle_t xSemaphoreCreateCountingStatic(UBaseType_t max_count, UBaseType_t initial_count,
                                                 StaticSemaphore_t *storage)
{
    return create_semaphore(KIND_SEMAPHORE, max_count, initial_count, storage);
}

SemaphoreHandle_t xSemaphoreCreateMutexStatic(StaticSemaphore_t *storage)
{
    return create_semaphore(KIND_MUTEX, 1, 1, storage);
}

SemaphoreHandle_t xSemaphoreCreateRecursiveMutexStatic(StaticSemaphore_t *storage)
{
    return create_semaphore(KIND_RECURSIVE_MUTEX, 1, 1, storage);
}

void vQueueDelete(QueueHandle_t queue)
{
    configASSERT(queue != NULL);
    kernel_lock();
    kernel_orphan_waiters(&queue->senders);
    kernel_orphan_waiters(&queue->receivers);
    kernel_unlock();
    if (!queue->is_static) {
        heap_caps_free(queue);
    }
}

/* Waits on one end until the queue may be usable again. @return false = give up; then the queue may be gone. */
static bool wait_on(struct wait_list *list, TickType_t ticks, int64_t *deadline_us)
{
    if (ticks == 0) {
        return false;
    }
    if (*deadline_us < 0) {
        *deadline_us = kernel_deadline_us(ticks);
    }
    bool woken = kernel_block(list, *deadline_us);
    return woken && !kernel_self()->orphaned;
}

static void put_item(QueueHandle_t queue, const void *item, BaseType_t position)
{
    UBaseType_t index;
    if (position == queueOVERWRITE && queue->count > 0) {
        index = (queue->head + queue->count - 1) % queue->length;
    } else if (position == queueSEND_TO_FRONT) {
        queue->head = (queue->head + queue->length - 1) % queue->length;
        index = queue->head;
        queue->count++;
    } else {
        index = (queue->head + queue->count) % queue->length;
        queue->count++;
    }
    if (queue->item_size > 0) {
        memcpy(queue->items + (size_t)index * queue->item_size, item, queue->item_size);
    }
}

BaseType_t xQueueGenericSend(QueueHandle_t queue, const void *item, TickType_t ticks, BaseType_t position)
{
    int64_t deadline_us = -1;
    configASSERT(queue != NULL);
    kernel_lock();
    while (queue->count == queue->length && position != queueOVERWRITE) {
        if (!wait_on(&queue->senders, ticks, &deadline_us)) {
            kernel_unlock();
            return errQUEUE_FULL;
        }
    }
    put_item(queue, item, position);
    kernel_wake_first(&queue->receivers);
    kernel_unlock();
    return pdPASS;
}

static BaseType_t receive(QueueHandle_t queue, void *item, TickType_t ticks, bool remove)
{
    int64_t deadline_us = -1;
    configASSERT(queue != NULL);
    kernel_lock();
    while (queue->count == 0) {
        if (!wait_on(&queue->receivers, ticks, &deadline_us)) {
            kernel_unlock();
            return errQUEUE_EMPTY;
        }
    }
    if (queue->item_size > 0) {
        memcpy(item, queue->items + (size_t)queue->head * queue->item_size, queue->item_size);
    }
    if (remove) {
        queue->head = (queue->head + 1) % queue->length;
        queue->count--;
        if (queue->kind == KIND_MUTEX || queue->kind == KIND_RECURSIVE_MUTEX) {
            queue->holder = kernel_self();
        }
        kernel_wake_first(&queue->senders);
    } else {
        kernel_wake_first(&queue->receivers); /* the item is still there for another */
    }
    kernel_unlock();
    return pdPASS;
}

BaseType_t xQueueReceive(QueueHandle_t queue, void *item, TickType_t ticks)
{
    return receive(queue, item, ticks, true);
}

BaseType_t xQueuePeek(QueueHandle_t queue, void *item, TickType_t ticks)
{
    return receive(queue, item, ticks, false);
}

BaseType_t xQueueReset(QueueHandle_t queue)
{
    kernel_lock();
    queue->count = 0;
    queue->head = 0;
    kernel_wake_first(&queue->senders);
    kernel_unlock();
    return pdPASS;
}

UBaseType_t uxQueueMessagesWaiting(QueueHandle_t queue)
{
    kernel_lock();
    UBaseType_t count = queue->count;
    kernel_unlock();
    return count;
}

UBaseType_t uxQueueSpacesAvailable(QueueHandle_t queue)
{
    return queue->length - uxQueueMessagesWaiting(queue);
}

BaseType_t xSemaphoreTake(SemaphoreHandle_t semaphore, TickType_t ticks)
{
    return receive(semaphore, NULL, ticks, true);
}

BaseType_t xSemaphoreGive(SemaphoreHandle_t semaphore)
{
    configASSERT(semaphore != NULL);
    kernel_lock();
    if (semaphore->count == semaphore->length) {
        kernel_unlock();
        return errQUEUE_FULL;
    }
    if (semaphore->kind == KIND_MUTEX) {
        configASSERT(semaphore->holder == kernel_self());
    }
    semaphore->holder = NULL;
    semaphore->count++;
    kernel_wake_first(&semaphore->receivers);
    kernel_unlock();
    return pdPASS;
}

BaseType_t xSemaphoreTakeRecursive(SemaphoreHandle_t mutex, TickType_t ticks)
{
    configASSERT(mutex != NULL);
    kernel_lock();
    if (mutex->holder == kernel_self()) {
        mutex->depth++;
        kernel_unlock();
        return pdPASS;
    }
    kernel_unlock();
    BaseType_t taken = receive(mutex, NULL, ticks, true);
    if (taken) {
        mutex->depth = 1;
    }
    return taken;
}

BaseType_t xSemaphoreGiveRecursive(SemaphoreHandle_t mutex)
{
    configASSERT(mutex != NULL);
    kernel_lock();
    if (mutex->holder != kernel_self()) {
        kernel_unlock();
        return pdFAIL;
    }
    if (--mutex->depth == 0) {
        mutex->holder = NULL;
        mutex->count = 1;
        kernel_wake_first(&mutex->receivers);
    }
    kernel_unlock();
    return pdPASS;
}

TaskHandle_t xSemaphoreGetMutexHolder(SemaphoreHandle_t mutex)
{
    kernel_lock();
    TaskHandle_t holder = mutex->holder;
    kernel_unlock();
    return holder;
}
