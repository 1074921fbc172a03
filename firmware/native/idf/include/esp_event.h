/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Event loops: posted events are copied, queued, and handed to the handlers in the loop's own task.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "esp_err.h"
#include "esp_event_base.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "freertos/queue.h"
#include "freertos/semphr.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int32_t queue_size;    /* events */
    const char *task_name; /* NULL = no task: esp_event_loop_run() drives the loop */
    UBaseType_t task_priority;
    uint32_t task_stack_size; /* bytes */
    BaseType_t task_core_id;
} esp_event_loop_args_t;

esp_err_t esp_event_loop_create(const esp_event_loop_args_t *args, esp_event_loop_handle_t *loop);
esp_err_t esp_event_loop_delete(esp_event_loop_handle_t loop);
esp_err_t esp_event_loop_create_default(void);
esp_err_t esp_event_loop_delete_default(void);
esp_err_t esp_event_loop_run(esp_event_loop_handle_t loop, TickType_t ticks_to_run);

esp_err_t esp_event_handler_register(esp_event_base_t base, int32_t id, esp_event_handler_t handler, void *arg);
esp_err_t esp_event_handler_register_with(esp_event_loop_handle_t loop, esp_event_base_t base, int32_t id,
                                          esp_event_handler_t handler, void *arg);
esp_err_t esp_event_handler_instance_register(esp_event_base_t base, int32_t id, esp_event_handler_t handler, void *arg,
                                              esp_event_handler_instance_t *instance);
esp_err_t esp_event_handler_instance_register_with(esp_event_loop_handle_t loop, esp_event_base_t base, int32_t id,
                                                   esp_event_handler_t handler, void *arg,
                                                   esp_event_handler_instance_t *instance);
esp_err_t esp_event_handler_unregister(esp_event_base_t base, int32_t id, esp_event_handler_t handler);
esp_err_t esp_event_handler_unregister_with(esp_event_loop_handle_t loop, esp_event_base_t base, int32_t id,
                                            esp_event_handler_t handler);
esp_err_t esp_event_handler_instance_unregister(esp_event_base_t base, int32_t id,
                                                esp_event_handler_instance_t instance);
esp_err_t esp_event_handler_instance_unregister_with(esp_event_loop_handle_t loop, esp_event_base_t base, int32_t id,
                                                     esp_event_handler_instance_t instance);

/** @return ESP_ERR_TIMEOUT when the queue stayed full for that long. */
esp_err_t esp_event_post(esp_event_base_t base, int32_t id, const void *data, size_t data_size, TickType_t ticks);
esp_err_t esp_event_post_to(esp_event_loop_handle_t loop, esp_event_base_t base, int32_t id, const void *data,
                            size_t data_size, TickType_t ticks);

#ifdef __cplusplus
}
#endif
