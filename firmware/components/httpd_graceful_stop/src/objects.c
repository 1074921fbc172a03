/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The objects there are: made, found, freed. Each has a slot, and the slot its own pair of open_fn and close_fn.
 *
 * A handle is no address but a number: the slot, and how many objects had been made by then. So the handle of an object
 * that was deleted is noticed, also when another one has its slot and its memory.
 */
#include <stdlib.h>

#include "stop_object.h"

static stop_object_t *objects[STOP_MAX_OBJECTS]; /* critical section */
static uintptr_t made;                           /* critical section */

static portMUX_TYPE mux = portMUX_INITIALIZER_UNLOCKED;

void stop_enter(void)
{
    portENTER_CRITICAL(&mux);
}

void stop_exit(void)
{
    portEXIT_CRITICAL(&mux);
}

stop_object_t *stop_in_slot(unsigned slot)
{
    return objects[slot];
}

stop_object_t *stop_object(httpd_graceful_stop_handle_t handle)
{
    stop_object_t *gs = objects[stop_slot(handle)];
    return gs != NULL && gs->handle == handle ? gs : NULL;
}

stop_object_t *stop_hold(httpd_graceful_stop_handle_t handle)
{
    stop_enter();
    stop_object_t *gs = stop_object(handle);
    if (gs != NULL) {
        gs->held++;
    }
    stop_exit();
    return gs;
}

void stop_let_go(stop_object_t *gs)
{
    stop_enter();
    gs->held--;
    stop_exit();
}

esp_err_t stop_change_state(stop_object_t *gs, stop_state_t from, stop_state_t to)
{
    stop_enter();
    stop_state_t state = peek(gs->state);
    if (state == from) {
        poke(gs->state, to);
    }
    stop_exit();
    return state == from ? ESP_OK : ESP_ERR_INVALID_STATE;
}

stop_object_t *stop_find(httpd_handle_t server)
{
    stop_object_t *found = NULL;
    stop_enter();
    for (unsigned slot = 0; slot < STOP_MAX_OBJECTS; slot++) {
        stop_object_t *gs = objects[slot];
        if (gs != NULL && peek(gs->server) == server) {
            found = gs;
        }
    }
    stop_exit();
    return found;
}

static bool take_slot(stop_object_t *gs)
{
    bool taken = false;
    stop_enter();
    for (unsigned slot = 0; slot < STOP_MAX_OBJECTS && !taken; slot++) {
        taken = objects[slot] == NULL;
        if (taken) {
            objects[slot] = gs;
            gs->handle = (httpd_graceful_stop_handle_t)(++made * STOP_MAX_OBJECTS + slot);
        }
    }
    stop_exit();
    return taken;
}

static void forget(const stop_object_t *gs)
{
    stop_enter();
    objects[stop_slot(gs->handle)] = NULL;
    stop_exit();
}

static bool is_known(httpd_graceful_stop_handle_t handle)
{
    stop_enter();
    bool known = stop_object(handle) != NULL;
    stop_exit();
    return known;
}

void stop_free(stop_object_t *gs)
{
    bool held;
    do {
        vTaskDelay(1);
        stop_enter();
        held = gs->held != 0;
        if (!held) {
            forget(gs);
        }
        stop_exit();
    } while (held);
    free(gs); /* its locks are made of its own memory */
}

esp_err_t httpd_graceful_stop_create(const httpd_graceful_stop_config_t *config, httpd_graceful_stop_handle_t *out)
{
    if (config == NULL || out == NULL || config->task_stack == 0 || config->task_priority >= configMAX_PRIORITIES) {
        return ESP_ERR_INVALID_ARG;
    }
    stop_object_t *gs = calloc(1, sizeof(*gs));
    if (gs == NULL) {
        return ESP_ERR_NO_MEM;
    }
    gs->limit_ms[HTTPD_GRACEFUL_STOP_DRAIN] = config->drain_ms;
    gs->limit_ms[HTTPD_GRACEFUL_STOP_SHUTDOWN] = config->shutdown_ms;
    gs->limit_ms[HTTPD_GRACEFUL_STOP_STOP] = config->stop_ms;
    gs->table_lock = xSemaphoreCreateMutexStatic(&gs->table_lock_storage);
    gs->idle = xSemaphoreCreateBinaryStatic(&gs->idle_storage);
    xSemaphoreGive(gs->idle);
    if (take_slot(gs)) {
        if (xTaskCreate(stop_task, "httpd_stop", config->task_stack, gs, config->task_priority, &gs->task) == pdPASS) {
            *out = gs->handle;
            return ESP_OK;
        }
        forget(gs);
    }
    free(gs);
    return ESP_ERR_NO_MEM;
}

esp_err_t httpd_graceful_stop_delete(httpd_graceful_stop_handle_t handle)
{
    stop_object_t *gs = stop_hold(handle);
    if (gs == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = stop_change_state(gs, STATE_STOPPED, STATE_DELETED);
    if (err == ESP_OK) {
        stop_wake(gs);
    }
    stop_let_go(gs);
    while (err == ESP_OK && is_known(handle)) { /* calls that are about to return: a matter of a tick or two */
        vTaskDelay(1);
    }
    return err;
}
