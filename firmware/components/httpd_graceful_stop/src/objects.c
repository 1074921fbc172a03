/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The objects there are: made, found, freed. Each has a slot, and the slot its own pair of open_fn and close_fn.
 */
#include <stdlib.h>

#include "stop_object.h"

static struct httpd_graceful_stop *objects[STOP_MAX_OBJECTS]; /* critical section */

static portMUX_TYPE mux = portMUX_INITIALIZER_UNLOCKED;

void stop_enter(void)
{
    portENTER_CRITICAL(&mux);
}

void stop_exit(void)
{
    portEXIT_CRITICAL(&mux);
}

httpd_graceful_stop_handle_t stop_in_slot(unsigned slot)
{
    return objects[slot];
}

/* @return its slot; STOP_MAX_OBJECTS when there is none such. Critical section. */
static unsigned slot_of(httpd_graceful_stop_handle_t gs)
{
    unsigned slot = 0;
    while (slot < STOP_MAX_OBJECTS && objects[slot] != gs) {
        slot++;
    }
    return slot;
}

stop_state_t stop_state(httpd_graceful_stop_handle_t gs)
{
    stop_enter();
    stop_state_t state = gs != NULL && slot_of(gs) < STOP_MAX_OBJECTS ? peek(gs->state) : STATE_DELETED;
    stop_exit();
    return state;
}

esp_err_t stop_change_state(httpd_graceful_stop_handle_t gs, stop_state_t from, stop_state_t to)
{
    stop_enter();
    stop_state_t state = stop_state(gs);
    if (state == from) {
        poke(gs->state, to);
    }
    stop_exit();
    return state == from ? ESP_OK : state == STATE_DELETED ? ESP_ERR_INVALID_ARG : ESP_ERR_INVALID_STATE;
}

httpd_graceful_stop_handle_t stop_find(httpd_handle_t server)
{
    httpd_graceful_stop_handle_t found = NULL;
    stop_enter();
    for (unsigned i = 0; server != NULL && i < STOP_MAX_OBJECTS; i++) {
        httpd_graceful_stop_handle_t gs = objects[i];
        if (gs != NULL && peek(gs->server) == server && (found == NULL || peek(gs->state) == STATE_RUNNING)) {
            found = gs;
        }
    }
    stop_exit();
    return found;
}

/* Puts @p gs where @p from is. @return false when that is nowhere */
static __attribute__((noinline)) bool set_slot(httpd_graceful_stop_handle_t from, httpd_graceful_stop_handle_t gs)
{
    stop_enter();
    unsigned slot = slot_of(from);
    if (slot < STOP_MAX_OBJECTS) {
        objects[slot] = gs;
    }
    if (gs != NULL) {
        gs->slot = (uint8_t)slot;
    }
    stop_exit();
    return slot < STOP_MAX_OBJECTS;
}

/* With the object goes its slot, if it has one. The locks are made of its own memory: nothing else is to be given back.
 */
static esp_err_t free_object(httpd_graceful_stop_handle_t gs, esp_err_t err)
{
    set_slot(gs, NULL);
    free(gs);
    return err;
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
    gs->limit_ms[HTTPD_GRACEFUL_STOP_DRAIN] = config->drain_ms;
    gs->limit_ms[HTTPD_GRACEFUL_STOP_SHUTDOWN] = config->shutdown_ms;
    gs->limit_ms[HTTPD_GRACEFUL_STOP_STOP] = config->stop_ms;
    poke(gs->inside_fd, -1);
    gs->table_lock = xSemaphoreCreateMutexStatic(&gs->table_lock_storage);
    gs->idle = xSemaphoreCreateBinaryStatic(&gs->idle_storage);
    xSemaphoreGive(gs->idle);
    if (!set_slot(NULL, gs) ||
        xTaskCreate(stop_task, "httpd_stop", config->task_stack, gs, config->task_priority, &gs->task) != pdPASS) {
        return free_object(gs, ESP_ERR_NO_MEM);
    }
    *out = gs;
    return ESP_OK;
}

esp_err_t httpd_graceful_stop_delete(httpd_graceful_stop_handle_t gs)
{
    stop_enter();
    esp_err_t err = stop_change_state(gs, STATE_STOPPED, STATE_DELETED);
    if (err == ESP_OK) {
        gs->waking++;
    }
    stop_exit();
    if (err != ESP_OK) {
        return err;
    }
    stop_wake(gs);
    stop_woken(gs);
    bool gone;
    do { /* it waits for nothing now, so this is a matter of a tick or two */
        vTaskDelay(1);
        stop_enter();
        gone = gs->task_gone;
        stop_exit();
    } while (!gone);
    return free_object(gs, ESP_OK);
}
