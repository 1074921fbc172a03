/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The helper task: the one place where a stop is carried out, phase by phase.
 *
 * It is made with the object, so that a stop allocates nothing, and it alone calls httpd_stop(), so that a caller can
 * stop waiting for one that hangs. All waiting here is for a notification, with a limit.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "esp_heap_caps.h"

#include "stop_object.h"

/* A ping can be lost: the server's control socket holds 6 datagrams. More often than this would be what fills it. */
#define PING_EVERY_MS 50
/* The server's task is in its loop when a ping ran that recently. */
#define LOOP_IS_BACK_MS (2 * PING_EVERY_MS)
/* IDLE frees a deleted task's stack; it may take that long to run. */
#define HEAP_SETTLE_MS 100

static void post_event(int32_t id, const httpd_graceful_stop_report_t *report)
{
    esp_event_post(HTTPD_GRACEFUL_STOP_EVENT, id, report, sizeof(*report), 0);
}

void stop_ping(void *arg)
{
    httpd_graceful_stop_handle_t gs = arg;
    atomic_store(&gs->server_task, xTaskGetCurrentTaskHandle());
    if (atomic_load(&gs->state) != STATE_STOPPING) {
        return;
    }
    atomic_store(&gs->ping_out, false); /* first: what changes from here on asks for another one */
    unsigned left = sessions_drain(gs);
    if (left == 0 && atomic_load(&gs->leases) == 0) {
        atomic_store(&gs->loop_clear, true);
    }
    atomic_store(&gs->ping_seen_ms, stop_now_ms());
    xTaskNotifyGive(gs->task);
}

/* Waits until the server task, back in its loop, has found nothing left to wait for. */
static bool wait_clear(httpd_graceful_stop_handle_t gs, int64_t deadline_us)
{
    int64_t posted_us = 0;
    while (!atomic_load(&gs->loop_clear)) {
        int64_t now_us = stop_now_us();
        if (now_us >= deadline_us) {
            return false;
        }
        int64_t next_us = posted_us + PING_EVERY_MS * 1000;
        bool changed = atomic_exchange(&gs->changed, false);
        if (now_us >= next_us || (changed && !atomic_load(&gs->ping_out))) {
            atomic_store(&gs->ping_out, true);
            /* A failure is no different from a loss: the next one is due in 50 ms. */
            httpd_queue_work(atomic_load(&gs->server), stop_ping, gs);
            posted_us = now_us;
            next_us = posted_us + PING_EVERY_MS * 1000;
        }
        ulTaskNotifyTake(pdTRUE, stop_ticks_until(next_us < deadline_us ? next_us : deadline_us));
    }
    return true;
}

static bool loop_is_back(httpd_graceful_stop_handle_t gs)
{
    return stop_now_ms() - atomic_load(&gs->ping_seen_ms) < LOOP_IS_BACK_MS;
}

static void begin_phase(httpd_graceful_stop_handle_t gs, httpd_graceful_stop_phase_t phase)
{
    xSemaphoreTake(gs->call_lock, portMAX_DELAY);
    gs->report.phase = phase;
    xSemaphoreGive(gs->call_lock);
}

static void end_phase(httpd_graceful_stop_handle_t gs, httpd_graceful_stop_phase_t phase, int64_t since_us)
{
    xSemaphoreTake(gs->call_lock, portMAX_DELAY);
    gs->report.phase_ms[phase] = (uint32_t)((stop_now_us() - since_us) / 1000);
    httpd_graceful_stop_report_t report = stop_report_now(gs);
    xSemaphoreGive(gs->call_lock);
    post_event(HTTPD_GRACEFUL_STOP_EVENT_PHASE, &report);
}

static bool drain(httpd_graceful_stop_handle_t gs, uint32_t limit_ms)
{
    int64_t since_us = stop_now_us();
    int64_t limit_us = (int64_t)limit_ms * 1000;
    begin_phase(gs, HTTPD_GRACEFUL_STOP_DRAIN);
    atomic_store(&gs->hold_until_ms, stop_now_ms() + limit_ms / 2);
    bool clear = wait_clear(gs, since_us + limit_us);
    end_phase(gs, HTTPD_GRACEFUL_STOP_DRAIN, since_us);
    return clear;
}

/*
 * First those that hold the stop up, so that a loop that comes back can still say CLOSE to the WebSockets it could not
 * reach; then whatever is left.
 */
static bool shut_down(httpd_graceful_stop_handle_t gs, uint32_t limit_ms)
{
    int64_t since_us = stop_now_us();
    int64_t limit_us = (int64_t)limit_ms * 1000;
    begin_phase(gs, HTTPD_GRACEFUL_STOP_SHUTDOWN);
    sessions_force(gs, false, loop_is_back(gs));
    atomic_store(&gs->changed, true);
    bool clear = wait_clear(gs, since_us + limit_us / 4);
    if (!clear) {
        sessions_force(gs, true, loop_is_back(gs));
        atomic_store(&gs->changed, true);
        clear = wait_clear(gs, since_us + limit_us);
    }
    end_phase(gs, HTTPD_GRACEFUL_STOP_SHUTDOWN, since_us);
    return clear;
}

/* The server's own stop. From 5.0 on it says when its message could not be sent; then it may be asked again. */
static esp_err_t stop_server(httpd_graceful_stop_handle_t gs, uint32_t limit_ms)
{
    int64_t since_us = stop_now_us();
    xSemaphoreTake(gs->call_lock, portMAX_DELAY);
    gs->report.phase = HTTPD_GRACEFUL_STOP_STOP;
    gs->handed_us = since_us;
    xSemaphoreGive(gs->call_lock);
    xEventGroupSetBits(gs->events, EVENT_HANDED);
    esp_err_t err = gs->server_stop(atomic_load(&gs->server));
    while (err != ESP_OK && stop_now_us() - since_us < (int64_t)limit_ms * 1000) {
        vTaskDelay(stop_ticks_until(stop_now_us() + PING_EVERY_MS * 1000));
        err = gs->server_stop(atomic_load(&gs->server));
    }
    if (err == ESP_OK) {
        atomic_store(&gs->server, NULL);
        atomic_store(&gs->server_task, NULL);
    }
    xEventGroupSetBits(gs->events, EVENT_RETURNED);
    end_phase(gs, HTTPD_GRACEFUL_STOP_STOP, since_us);
    return err;
}

/* Free heap at once after httpd_stop() lacks the server's stack: IDLE has yet to free it, which ends the task, too. */
static void wait_for_idle(UBaseType_t tasks_before)
{
    int64_t deadline_us = stop_now_us() + HEAP_SETTLE_MS * 1000;
    size_t free_bytes = heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
    while (stop_now_us() < deadline_us) {
        vTaskDelay(1);
        size_t now_bytes = heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
        if (uxTaskGetNumberOfTasks() < tasks_before && now_bytes == free_bytes) {
            break;
        }
        free_bytes = now_bytes;
    }
}

static void finish(httpd_graceful_stop_handle_t gs, esp_err_t err)
{
    size_t free_bytes = heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
    size_t largest = heap_caps_get_largest_free_block(MALLOC_CAP_DEFAULT);
    xSemaphoreTake(gs->call_lock, portMAX_DELAY);
    gs->report.err = err;
    gs->report.heap_after = free_bytes;
    gs->report.largest_block = largest;
    gs->last = stop_report_now(gs);
    httpd_graceful_stop_report_t report = gs->last;
    gs->end_posted = true;
    xSemaphoreGive(gs->call_lock);
    post_event(HTTPD_GRACEFUL_STOP_EVENT_END, &report); /* before a caller goes on, and perhaps restarts the chip */

    xSemaphoreTake(gs->call_lock, portMAX_DELAY);
    gs->attempt_running = false;
    if (err == ESP_OK) {
        atomic_store(&gs->state, STATE_STOPPED);
    }
    xEventGroupSetBits(gs->events, EVENT_DONE);
    xSemaphoreGive(gs->call_lock);
}

static void run_stop(httpd_graceful_stop_handle_t gs)
{
    unsigned sessions = sessions_count(gs);
    xSemaphoreTake(gs->call_lock, portMAX_DELAY);
    httpd_graceful_stop_config_t limits = gs->limits;
    bool first = gs->report.heap_before == 0; /* later attempts at the same stop go on counting */
    if (first) {
        gs->report.port = gs->port;
        gs->report.sessions = (uint16_t)sessions;
        gs->report.heap_before = heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
    }
    memset(gs->report.phase_ms, 0, sizeof(gs->report.phase_ms));
    gs->report.remaining = 0;
    httpd_graceful_stop_report_t report = stop_report_now(gs);
    xSemaphoreGive(gs->call_lock);
    if (first) {
        post_event(HTTPD_GRACEFUL_STOP_EVENT_BEGIN, &report);
    }

    atomic_store(&gs->loop_clear, false);
    atomic_store(&gs->ping_out, false);
    atomic_store(&gs->ping_seen_ms, stop_now_ms() - LOOP_IS_BACK_MS); /* not yet seen */
    if (!drain(gs, limits.drain_ms) && !shut_down(gs, limits.shutdown_ms)) {
        int leases = atomic_load(&gs->leases);
        bool stuck = !loop_is_back(gs);
        xSemaphoreTake(gs->call_lock, portMAX_DELAY);
        gs->report.remaining = (uint16_t)(leases + (stuck ? 1 : 0));
        xSemaphoreGive(gs->call_lock);
        finish(gs, ESP_ERR_TIMEOUT);
        return;
    }
    UBaseType_t tasks_before = uxTaskGetNumberOfTasks();
    if (stop_server(gs, limits.stop_ms) != ESP_OK) {
        finish(gs, ESP_ERR_TIMEOUT);
        return;
    }
    work_cancel_all(gs);
    handlers_delete(gs);
    sessions_delete(gs);
    wait_for_idle(tasks_before);
    finish(gs, ESP_OK);
}

void stop_task(void *arg)
{
    httpd_graceful_stop_handle_t gs = arg;
    for (;;) {
        unsigned command = atomic_exchange(&gs->command, 0);
        if (command & COMMAND_WARM_UP) {
            /* lwIP keeps a semaphore for each task that has called it (LWIP_NETCONN_SEM_PER_THREAD). */
            int fd = socket(AF_INET, SOCK_DGRAM, 0);
            if (fd >= 0) {
                close(fd);
            }
            xEventGroupSetBits(gs->events, EVENT_WARM);
        }
        if (command & COMMAND_STOP) {
            run_stop(gs);
        }
        if (command & COMMAND_QUIT) {
            break;
        }
        ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
    }
    atomic_store(&gs->task_gone, true); /* the object may be freed from here on */
    vTaskDelete(NULL);
}
