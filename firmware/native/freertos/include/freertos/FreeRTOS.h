/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The FreeRTOS kernel's basic types and constants, as a program for ESP-IDF sees them.
 *
 * Must come before every other freertos/ header, as on a chip. The kernel behind it runs each task as a thread;
 * what that changes is said in firmware/native/README.md.
 */
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "sdkconfig.h"
#include "freertos/portmacro.h"

#ifdef CONFIG_FREERTOS_HZ
#define configTICK_RATE_HZ CONFIG_FREERTOS_HZ
#else
#define configTICK_RATE_HZ 100
#endif
#define configMAX_PRIORITIES                    25
#define configMAX_TASK_NAME_LEN                 16
#define configMINIMAL_STACK_SIZE                1536
#define configTIMER_TASK_STACK_DEPTH            2048
#define configTIMER_QUEUE_LENGTH                10
#define configNUM_THREAD_LOCAL_STORAGE_POINTERS 4
#define configNUM_CORES                         1
#define configNUMBER_OF_CORES                   1
#define portNUM_PROCESSORS                      1
#define configUSE_MUTEXES                       1
#define configUSE_TIMERS                        1
#define configASSERT(x)                         assert(x)

#define portTICK_PERIOD_MS ((TickType_t)(1000 / configTICK_RATE_HZ))
#define portTICK_RATE_MS   portTICK_PERIOD_MS

#define pdFALSE                               ((BaseType_t)0)
#define pdTRUE                                ((BaseType_t)1)
#define pdFAIL                                pdFALSE
#define pdPASS                                pdTRUE
#define errQUEUE_EMPTY                        ((BaseType_t)0)
#define errQUEUE_FULL                         ((BaseType_t)0)
#define errCOULD_NOT_ALLOCATE_REQUIRED_MEMORY (-1)

#define pdMS_TO_TICKS(ms)    ((TickType_t)(((uint64_t)(ms)*configTICK_RATE_HZ) / 1000U))
#define pdTICKS_TO_MS(ticks) ((TickType_t)(((uint64_t)(ticks)*1000U) / configTICK_RATE_HZ))

typedef void (*TaskFunction_t)(void *arg);

/* Storage for the ...Static() calls: large enough for the kernel's own object, otherwise opaque. */
typedef struct {
    void *opaque[20];
} StaticQueue_t;
typedef StaticQueue_t StaticSemaphore_t;
typedef struct {
    void *opaque[6];
} StaticEventGroup_t;
