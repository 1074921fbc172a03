/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What tasks ask of the kernel once they exist: time, names, priorities, suspension, notifications, thread-local
 * pointers.
 */
#include <sched.h>
#include <string.h>

#include "native_kernel.h"

static struct wait_list delayed;  /* woken by the clock alone */
static struct wait_list notified; /* each waits for its own notification; kernel lock */

static struct tskTaskControlBlock *task_or_self(TaskHandle_t task)
{
    return task != NULL ? task : kernel_self();
}

TickType_t xTaskGetTickCount(void)
{
    return (TickType_t)(kernel_now_us() * configTICK_RATE_HZ / 1000000);
}

static void delay_until_us(int64_t deadline_us)
{
    kernel_lock();
    kernel_block(&delayed, deadline_us);
    kernel_unlock();
}

void vTaskDelay(TickType_t ticks)
{
    if (ticks == 0) {
        vPortYield();
        return;
    }
    delay_until_us(kernel_deadline_us(ticks));
}

BaseType_t xTaskDelayUntil(TickType_t *previous_wake, TickType_t increment)
{
    TickType_t now = xTaskGetTickCount();
    TickType_t left = *previous_wake + increment - now;
    *previous_wake += increment;
    if (left == 0 || left > increment) {
        return pdFALSE; /* that time has passed */
    }
    delay_until_us(kernel_deadline_us(left));
    return pdTRUE;
}

void vTaskSuspend(TaskHandle_t task)
{
    struct tskTaskControlBlock *target = task_or_self(task);
    kernel_lock();
    configASSERT(kernel_is_task(target));
    if (atomic_load(&target->stop) == STOP_NONE) {
        kernel_request_stop(target, STOP_SUSPEND);
    }
    kernel_unlock(); /* suspends this task, if it is the one */
    if (target != kernel_self()) {
        kernel_hold();
        kernel_await_stop(target);
        kernel_release();
    }
}

void vTaskResume(TaskHandle_t task)
{
    kernel_lock();
    configASSERT(kernel_is_task(task));
    if (atomic_load(&task->stop) == STOP_SUSPEND) {
        kernel_continue_task(task);
    }
    kernel_unlock();
}

BaseType_t xTaskGetSchedulerState(void)
{
    return xTaskGetIdleTaskHandle() != NULL ? taskSCHEDULER_RUNNING : taskSCHEDULER_NOT_STARTED;
}

char *pcTaskGetName(TaskHandle_t task)
{
    return task_or_self(task)->name;
}

UBaseType_t uxTaskPriorityGet(TaskHandle_t task)
{
    return task_or_self(task)->priority;
}

void vTaskPrioritySet(TaskHandle_t task, UBaseType_t priority)
{
    kernel_lock();
    task_or_self(task)->priority = priority;
    kernel_unlock();
}

BaseType_t xTaskGetCoreID(TaskHandle_t task)
{
    return task_or_self(task)->core;
}

eTaskState eTaskGetState(TaskHandle_t task)
{
    eTaskState state = eReady;
    kernel_lock();
    if (task == kernel_self()) {
        state = eRunning;
    } else if (task->deleted) {
        state = eDeleted;
    } else if (atomic_load(&task->stop) == STOP_SUSPEND) {
        state = eSuspended;
    } else if (task->waiting_on != NULL) {
        state = eBlocked;
    }
    kernel_unlock();
    return state;
}

UBaseType_t uxTaskGetStackHighWaterMark(TaskHandle_t task)
{
    const struct tskTaskControlBlock *target = task_or_self(task);
    size_t untouched = 0;
    while (untouched < target->stack_bytes && target->stack[untouched] == STACK_FILL) {
        untouched++;
    }
    return (UBaseType_t)(untouched / STACK_SCALE);
}

BaseType_t xTaskGenericNotify(TaskHandle_t task, uint32_t value, eNotifyAction action, uint32_t *previous)
{
    BaseType_t result = pdPASS;
    kernel_lock();
    if (previous != NULL) {
        *previous = task->notify_value;
    }
    int state_before = task->notify_state;
    task->notify_state = NOTIFY_RECEIVED;
    switch (action) {
    case eSetBits:
        task->notify_value |= value;
        break;
    case eIncrement:
        task->notify_value++;
        break;
    case eSetValueWithOverwrite:
        task->notify_value = value;
        break;
    case eSetValueWithoutOverwrite:
        if (state_before == NOTIFY_RECEIVED) {
            result = pdFAIL;
        } else {
            task->notify_value = value;
        }
        break;
    case eNoAction:
        break;
    }
    if (state_before == NOTIFY_WAITING && task->waiting_on == &notified) {
        kernel_wake(task);
    }
    kernel_unlock();
    return result;
}

/* With the lock held. */
static void wait_for_notification(struct tskTaskControlBlock *self, TickType_t ticks)
{
    self->notify_state = NOTIFY_WAITING;
    if (ticks != 0) {
        kernel_block(&notified, kernel_deadline_us(ticks));
    }
}

uint32_t ulTaskNotifyTake(BaseType_t clear_on_exit, TickType_t ticks)
{
    kernel_lock();
    struct tskTaskControlBlock *self = kernel_self();
    if (self->notify_value == 0) {
        wait_for_notification(self, ticks);
    }
    uint32_t value = self->notify_value;
    if (value != 0) {
        self->notify_value = clear_on_exit ? 0 : value - 1;
    }
    self->notify_state = NOTIFY_NONE;
    kernel_unlock();
    return value;
}

BaseType_t xTaskNotifyWait(uint32_t clear_on_entry, uint32_t clear_on_exit, uint32_t *value, TickType_t ticks)
{
    kernel_lock();
    struct tskTaskControlBlock *self = kernel_self();
    if (self->notify_state != NOTIFY_RECEIVED) {
        self->notify_value &= ~clear_on_entry;
        wait_for_notification(self, ticks);
    }
    BaseType_t received = self->notify_state == NOTIFY_RECEIVED ? pdTRUE : pdFALSE;
    if (value != NULL) {
        *value = self->notify_value;
    }
    if (received) {
        self->notify_value &= ~clear_on_exit;
    }
    self->notify_state = NOTIFY_NONE;
    kernel_unlock();
    return received;
}

BaseType_t xTaskNotifyStateClear(TaskHandle_t task)
{
    kernel_lock();
    struct tskTaskControlBlock *target = task_or_self(task);
    BaseType_t pending = target->notify_state == NOTIFY_RECEIVED ? pdTRUE : pdFALSE;
    if (pending) {
        target->notify_state = NOTIFY_NONE;
    }
    kernel_unlock();
    return pending;
}

uint32_t ulTaskNotifyValueClear(TaskHandle_t task, uint32_t bits)
{
    kernel_lock();
    struct tskTaskControlBlock *target = task_or_self(task);
    uint32_t before = target->notify_value;
    target->notify_value &= ~bits;
    kernel_unlock();
    return before;
}

void vTaskSetThreadLocalStoragePointerAndDelCallback(TaskHandle_t task, BaseType_t index, void *value,
                                                     TlsDeleteCallbackFunction_t on_delete)
{
    if (index >= 0 && index < configNUM_THREAD_LOCAL_STORAGE_POINTERS) {
        struct tskTaskControlBlock *target = task_or_self(task);
        target->local[index] = value;
        target->local_deleted[index] = on_delete;
    }
}

void vTaskSetThreadLocalStoragePointer(TaskHandle_t task, BaseType_t index, void *value)
{
    vTaskSetThreadLocalStoragePointerAndDelCallback(task, index, value, NULL);
}

void *pvTaskGetThreadLocalStoragePointer(TaskHandle_t task, BaseType_t index)
{
    if (index < 0 || index >= configNUM_THREAD_LOCAL_STORAGE_POINTERS) {
        return NULL;
    }
    return task_or_self(task)->local[index];
}
