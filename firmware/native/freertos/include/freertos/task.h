/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Tasks, delays, direct notifications and thread-local pointers: the public FreeRTOS calls.
 *
 * vTaskDelete() of another task stops that task wherever it stands and gives its stack back to the heap at once.
 */
#pragma once

#include "freertos/FreeRTOS.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tskTaskControlBlock *TaskHandle_t;

#define tskIDLE_PRIORITY         ((UBaseType_t)0)
#define tskNO_AFFINITY           ((BaseType_t)0x7FFFFFFF)
#define tskKERNEL_VERSION_NUMBER "V10.5.1"

#define taskSCHEDULER_SUSPENDED   ((BaseType_t)0)
#define taskSCHEDULER_NOT_STARTED ((BaseType_t)1)
#define taskSCHEDULER_RUNNING     ((BaseType_t)2)

typedef enum {
    eRunning = 0,
    eReady,
    eBlocked,
    eSuspended,
    eDeleted,
    eInvalid
} eTaskState;
typedef enum {
    eNoAction = 0,
    eSetBits,
    eIncrement,
    eSetValueWithOverwrite,
    eSetValueWithoutOverwrite
} eNotifyAction;

typedef void (*TlsDeleteCallbackFunction_t)(int index, void *value);

/** @param stack_bytes as on a chip; the port takes STACK_SCALE times as much from the heap, for 64-bit frames. */
BaseType_t xTaskCreate(TaskFunction_t code, const char *name, uint32_t stack_bytes, void *arg, UBaseType_t priority,
                       TaskHandle_t *created);
BaseType_t xTaskCreatePinnedToCore(TaskFunction_t code, const char *name, uint32_t stack_bytes, void *arg,
                                   UBaseType_t priority, TaskHandle_t *created, BaseType_t core);
void vTaskDelete(TaskHandle_t task);
void vTaskDelay(TickType_t ticks);
BaseType_t xTaskDelayUntil(TickType_t *previous_wake, TickType_t increment);
#define vTaskDelayUntil(previous_wake, increment) ((void)xTaskDelayUntil((previous_wake), (increment)))
void vTaskSuspend(TaskHandle_t task);
void vTaskResume(TaskHandle_t task);

TickType_t xTaskGetTickCount(void);
#define xTaskGetTickCountFromISR() xTaskGetTickCount()
BaseType_t xTaskGetSchedulerState(void);
TaskHandle_t xTaskGetCurrentTaskHandle(void);
TaskHandle_t xTaskGetIdleTaskHandle(void);
TaskHandle_t xTaskGetHandle(const char *name);
char *pcTaskGetName(TaskHandle_t task);
#define pcTaskGetTaskName(task) pcTaskGetName(task)
UBaseType_t uxTaskGetNumberOfTasks(void);
UBaseType_t uxTaskPriorityGet(TaskHandle_t task);
void vTaskPrioritySet(TaskHandle_t task, UBaseType_t priority);
eTaskState eTaskGetState(TaskHandle_t task);
/** Least stack ever left, in bytes of the size that was asked for at creation. */
UBaseType_t uxTaskGetStackHighWaterMark(TaskHandle_t task);
BaseType_t xTaskGetCoreID(TaskHandle_t task);
#define xTaskGetAffinity(task) xTaskGetCoreID(task)
#define taskYIELD()            vPortYield()

BaseType_t xTaskGenericNotify(TaskHandle_t task, uint32_t value, eNotifyAction action, uint32_t *previous);
BaseType_t xTaskNotifyWait(uint32_t clear_on_entry, uint32_t clear_on_exit, uint32_t *value, TickType_t ticks);
uint32_t ulTaskNotifyTake(BaseType_t clear_on_exit, TickType_t ticks);
BaseType_t xTaskNotifyStateClear(TaskHandle_t task);
uint32_t ulTaskNotifyValueClear(TaskHandle_t task, uint32_t bits);
#define xTaskNotify(task, value, action)                   xTaskGenericNotify((task), (value), (action), NULL)
#define xTaskNotifyAndQuery(task, value, action, previous) xTaskGenericNotify((task), (value), (action), (previous))
#define xTaskNotifyFromISR(task, value, action, woken)     xTaskGenericNotify((task), (value), (action), NULL)
#define xTaskNotifyGive(task)                              xTaskGenericNotify((task), 0, eIncrement, NULL)
#define vTaskNotifyGiveFromISR(task, woken)                ((void)xTaskGenericNotify((task), 0, eIncrement, NULL))

void vTaskSetThreadLocalStoragePointer(TaskHandle_t task, BaseType_t index, void *value);
void *pvTaskGetThreadLocalStoragePointer(TaskHandle_t task, BaseType_t index);
void vTaskSetThreadLocalStoragePointerAndDelCallback(TaskHandle_t task, BaseType_t index, void *value,
                                                     TlsDeleteCallbackFunction_t on_delete);

#ifdef __cplusplus
}
#endif
