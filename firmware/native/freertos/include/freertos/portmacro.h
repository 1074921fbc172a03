/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What FreeRTOS calls the port: integer types, and critical sections.
 *
 * A critical section is a recursive spinlock of its own on a chip with two cores, and so it is here; a task inside one
 * cannot be frozen by vTaskDelete() or vTaskSuspend() until it leaves.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "esp_heap_caps.h" /* as ESP-IDF's own does: esp_http_server.h leans on it */

#ifdef __cplusplus
extern "C" {
#endif

typedef int BaseType_t;
typedef unsigned int UBaseType_t;
typedef uint32_t TickType_t;
typedef uint8_t StackType_t; /* ESP-IDF counts stacks in bytes */

#define portMAX_DELAY      ((TickType_t)0xffffffffUL)
#define portBASE_TYPE      int
#define portSTACK_TYPE     StackType_t
#define portBYTE_ALIGNMENT 16

typedef struct {
    uint32_t owner; /* 0 = free, otherwise the owning thread's number */
    uint32_t count; /* nesting */
} portMUX_TYPE;
typedef portMUX_TYPE spinlock_t;

#define SPINLOCK_INITIALIZER \
    {                        \
        0, 0                 \
    }
#define portMUX_INITIALIZER_UNLOCKED SPINLOCK_INITIALIZER
#define portMUX_INITIALIZE(mux)      ((mux)->owner = 0, (mux)->count = 0)
#define spinlock_initialize(mux)     portMUX_INITIALIZE(mux)

void vPortEnterCritical(portMUX_TYPE *mux);
void vPortExitCritical(portMUX_TYPE *mux);
BaseType_t xPortGetCoreID(void);
BaseType_t xPortInIsrContext(void);
void vPortYield(void);

#define portENTER_CRITICAL(mux)      vPortEnterCritical(mux)
#define portEXIT_CRITICAL(mux)       vPortExitCritical(mux)
#define portENTER_CRITICAL_ISR(mux)  vPortEnterCritical(mux)
#define portEXIT_CRITICAL_ISR(mux)   vPortExitCritical(mux)
#define portENTER_CRITICAL_SAFE(mux) vPortEnterCritical(mux)
#define portEXIT_CRITICAL_SAFE(mux)  vPortExitCritical(mux)
#define taskENTER_CRITICAL(mux)      vPortEnterCritical(mux)
#define taskEXIT_CRITICAL(mux)       vPortExitCritical(mux)
#define portYIELD()                  vPortYield()
#define portYIELD_FROM_ISR(...)      ((void)0)

#ifdef __cplusplus
}
#endif
