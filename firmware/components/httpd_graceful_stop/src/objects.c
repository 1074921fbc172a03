/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The objects there are: made, found, freed. Each has a slot, and the slot its own pair of open_fn and close_fn.
 */
#include <stdlib.h>

#include "stop_object.h"

struct httpd_graceful_stop *_Atomic stop_objects[STOP_MAX_OBJECTS];

portMUX_TYPE stop_mux = portMUX_INITIALIZER_UNLOCKED;

bool stop_is_known(httpd_graceful_stop_handle_t gs)
{
    for (unsigned i = 0; gs != NULL && i < STOP_MAX_OBJECTS; i++) {
        if (atomic_load(&stop_objects[i]) == gs) {
            return true;
        }
    }
    return false;
}

httpd_graceful_stop_handle_t stop_find(httpd_handle_t server)
{
    httpd_graceful_stop_handle_t found = NULL;
    portENTER_CRITICAL(&stop_mux);
    for (unsigned i = 0; server != NULL && i < STOP_MAX_OBJECTS; i++) {
        httpd_graceful_stop_handle_t gs = atomic_load(&stop_objects[i]);
        if (gs != NULL && atomic_load(&gs->server) == server) {
            if (found == NULL || atomic_load(&gs->state) == STATE_RUNNING) {
                found = gs;
            }
        }
    }
    portEXIT_CRITICAL(&stop_mux);
    return found;
}

static void free_object(httpd_graceful_stop_handle_t gs)
{
    if (gs->events != NULL) {
        vEventGroupDelete(gs->events);
    }
    if (gs->table_lock != NULL) {
        vSemaphoreDelete(gs->table_lock);
    }
    if (gs->call_lock != NULL) {
        vSemaphoreDelete(gs->call_lock);
    }
    free(gs);
}

static bool take_slot(httpd_graceful_stop_handle_t gs)
{
    for (unsigned i = 0; i < STOP_MAX_OBJECTS; i++) {
        struct httpd_graceful_stop *none = NULL;
        if (atomic_compare_exchange_strong(&stop_objects[i], &none, gs)) {
            gs->slot = i;
            return true;
        }
    }
    return false;
}

static void leave_slot(httpd_graceful_stop_handle_t gs)
{
    portENTER_CRITICAL(&stop_mux); /* stop_find() may be looking at it */
    atomic_store(&stop_objects[gs->slot], NULL);
    portEXIT_CRITICAL(&stop_mux);
}

esp_err_t httpd_graceful_stop_create(const httpd_graceful_stop_config_t *config, httpd_graceful_stop_handle_t *out)
{
    if (config == NULL || out == NULL || config->task_stack == 0 || config->task_priority >= configMAX_PRIORITIES) {
        return ESP_ERR_INVALID_ARG;
    }
    httpd_graceful_stop_handle_t gs = calloc(1, sizeof(*gs));
    if (gs == NULL) {
        return ESP_ERR_NO_MEM;
    }
    gs->limits = *config;
    atomic_store(&gs->inside_fd, -1);
    work_create(gs);
    gs->events = xEventGroupCreate();
    gs->table_lock = xSemaphoreCreateMutex();
    gs->call_lock = xSemaphoreCreateMutex();
    if (gs->events == NULL || gs->table_lock == NULL || gs->call_lock == NULL || !take_slot(gs)) {
        free_object(gs);
        return ESP_ERR_NO_MEM;
    }
    if (xTaskCreate(stop_task, "httpd_stop", config->task_stack, gs, config->task_priority, &gs->task) != pdPASS) {
        leave_slot(gs);
        free_object(gs);
        return ESP_ERR_NO_MEM;
    }
    *out = gs;
    return ESP_OK;
}

esp_err_t httpd_graceful_stop_delete(httpd_graceful_stop_handle_t gs)
{
    if (!stop_is_known(gs)) {
        return ESP_ERR_INVALID_ARG;
    }
    int stopped = STATE_STOPPED;
    if (!atomic_compare_exchange_strong(&gs->state, &stopped, STATE_DELETED)) {
        return ESP_ERR_INVALID_STATE;
    }
    leave_slot(gs);
    while (atomic_load(&gs->releasing) != 0) {
        vTaskDelay(1);
    }
    atomic_fetch_or(&gs->command, COMMAND_QUIT);
    xTaskNotifyGive(gs->task);
    while (!atomic_load(&gs->task_gone)) { /* it waits for nothing, so this is a matter of one tick */
        vTaskDelay(1);
    }
    free_object(gs);
    return ESP_OK;
}
