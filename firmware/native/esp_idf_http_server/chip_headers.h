/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What ESP-IDF's server takes for granted of a chip's headers, and this libc or the ports' headers do not have.
 */
#pragma once

#include <stddef.h>
#include <string.h>

#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

/* glibc has it since 2.38. */
size_t strlcpy(char *to, const char *from, size_t size);

/* Around code that GCC's analyzer, which does not run here, misjudges: since 5.5. */
#define ESP_COMPILER_DIAGNOSTIC_PUSH_IGNORE(warning)
#define ESP_COMPILER_DIAGNOSTIC_POP(warning)

/* Where a task's stack lies, which here is one heap: since 6.0. */
#define xTaskCreatePinnedToCoreWithCaps(code, name, stack, arg, priority, task, core, caps) \
    xTaskCreatePinnedToCore((code), (name), (stack), (arg), (priority), (task), (core))
#define vTaskDeleteWithCaps(task) vTaskDelete(task)
