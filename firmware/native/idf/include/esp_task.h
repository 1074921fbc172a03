/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Priorities and stack sizes of ESP-IDF's own tasks.
 */
#pragma once

#include "freertos/FreeRTOS.h"

#define ESP_TASK_PRIO_MAX    (configMAX_PRIORITIES)
#define ESP_TASK_PRIO_MIN    (0)
#define ESP_TASK_TIMER_PRIO  (ESP_TASK_PRIO_MAX - 3)
#define ESP_TASKD_EVENT_PRIO (ESP_TASK_PRIO_MAX - 5)
#define ESP_TASK_TCPIP_PRIO  (ESP_TASK_PRIO_MAX - 7)
#define ESP_TASK_MAIN_PRIO   (ESP_TASK_PRIO_MIN + 1)

#define ESP_TASK_TIMER_STACK  3584
#define ESP_TASKD_EVENT_STACK 2304
#define ESP_TASK_TCPIP_STACK  3072
#ifdef CONFIG_ESP_MAIN_TASK_STACK_SIZE
#define ESP_TASK_MAIN_STACK CONFIG_ESP_MAIN_TASK_STACK_SIZE
#else
#define ESP_TASK_MAIN_STACK 3584
#endif
