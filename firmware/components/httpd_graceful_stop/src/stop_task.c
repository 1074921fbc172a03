/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The helper task: the one place where a stop is carried out, phase by phase.
 *
 * It is made with the object, so that a stop allocates nothing, and it alone calls httpd_stop(), so that a caller can
 * stop waiting for one that hangs. All waiting here is for a notification, with a limit.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "esp_heap_caps.h"

#include "stop_object.h"

/* A ping can be lost: the server's control socket holds 6 datagrams. More often than this would be what fills it. */
#define PING_EVERY_MS    50
/* What may come on top of the limits: measuring the heap (100 ms), and the rounding up to ticks of each phase. */
#define HEAP_MEASURED_MS 150
/* IDLE frees a deleted task's stack; it may take that long to run. */
#define HEAP_SETTLE_MS   100

void stop_ping(void *arg)
{
    stop_object_t *gs = arg;
    poke(gs->server_task, xTaskGetCurrentTaskHandle());
    if (peek(gs->state) != STATE_STOPPING) {
        return;
    }
    poke(gs->ping_out, false); /* first: what changes from here on asks for another one */
    sessions_drain(gs);
    if (peek(gs->sessions_open) == 0 && peek(gs->leases) == 0) { /* and there will be no more of either */
        poke(gs->loop_clear, true);
    }
    stop_wake(gs);
}

/*
 * Queues @p work until it has set @p flag. @return false when the limit has passed since the phase began
 */
static bool wait_for(stop_object_t *gs, _Atomic flag_t *flag, httpd_work_fn_t work, uint32_t limit_ms)
{
    uint32_t next_ms = stop_now_ms(); /* the first one goes at once */
    while (!peek(*flag)) {
        uint32_t now_ms = stop_now_ms();
        int32_t left_ms = (int32_t)(gs->phase_begin_ms + limit_ms - now_ms), next_in_ms = (int32_t)(next_ms - now_ms);
        if (left_ms <= 0) {
            return false;
        }
        bool due = next_in_ms <= 0, out = peek(gs->ping_out);
        bool ping = (due && !(IDF_QUEUE_WORK_WAITS && out)) || (peek(gs->changed) && !out);
        if (due || ping) {
            next_in_ms = PING_EVERY_MS;
            next_ms = now_ms + PING_EVERY_MS;
        }
        if (ping) {
            poke(gs->changed, false); /* first: what changes from here on is seen by it, or asks for another */
            poke(gs->ping_out, true);
            /* A failure is no different from a loss: the next one is due in 50 ms. */
            httpd_queue_work(peek(gs->server), work, gs);
        }
        if (due) {
            sessions_close_beside_stalled(gs);
        }
        /* CONFIG_FREERTOS_HZ is 100 by default, and a wait of n ticks may be one shorter. */
        ulTaskNotifyTake(pdTRUE, (TickType_t)(left_ms < next_in_ms ? left_ms : next_in_ms) / portTICK_PERIOD_MS + 1);
    }
    return true;
}

/* Waits until the server task, back in its loop, has found nothing left to wait for. */
static __attribute__((noinline)) bool wait_clear(stop_object_t *gs, uint32_t limit_ms)
{
    return wait_for(gs, &gs->loop_clear, stop_ping, limit_ms);
}

/* @return its limit */
static __attribute__((noinline)) uint32_t begin_phase(stop_object_t *gs, httpd_graceful_stop_phase_t phase)
{
    uint32_t now_ms = stop_now_ms();
    stop_enter();
    gs->report.phase = phase;
    gs->phase_begin_ms = now_ms;
    gs->deadline_ms = now_ms + HEAP_MEASURED_MS;
    for (int next = phase; next < HTTPD_GRACEFUL_STOP_PHASES; next++) {
        gs->deadline_ms += gs->limit_ms[next];
    }
    uint32_t limit_ms = gs->limit_ms[phase];
    stop_exit();
    return limit_ms;
}

/* Completes the report so far and posts it. */
static void tell(stop_object_t *gs, int32_t id)
{
    uint32_t now_ms = stop_now_ms();
    stop_enter();
    if (id == HTTPD_GRACEFUL_STOP_EVENT_PHASE) {
        gs->report.phase_ms[gs->report.phase] = now_ms - gs->phase_begin_ms;
    }
    gs->report.total_ms = now_ms - gs->begin_ms;
    httpd_graceful_stop_report_t report = gs->report;
    stop_exit();
    stop_post(id, &report);
}

static __attribute__((noinline)) void end_phase(stop_object_t *gs)
{
    tell(gs, HTTPD_GRACEFUL_STOP_EVENT_PHASE);
}

static bool drain_and_shut_down(stop_object_t *gs)
{
    uint32_t limit_ms = begin_phase(gs, HTTPD_GRACEFUL_STOP_DRAIN);
    poke(gs->hold_until_ms, gs->phase_begin_ms + limit_ms / 2);
    poke(gs->loop_clear, false);
    bool clear = wait_clear(gs, limit_ms);
    end_phase(gs);
    if (!clear) {
        limit_ms = begin_phase(gs, HTTPD_GRACEFUL_STOP_SHUTDOWN);
        /*
         * First those that hold the stop up, so that a loop that comes back can still say CLOSE to the WebSockets it
         * could not reach; then whatever is left.
         */
        for (int all = 0; all <= 1 && !clear; all++) {
            sessions_force(gs, all);
            clear = wait_clear(gs, all ? limit_ms : limit_ms / 4);
        }
        end_phase(gs);
    }
    return clear;
}

static void stop_fence(void *arg)
{
    stop_object_t *gs = arg;
    poke(gs->ping_out, false);
    poke(gs->fence_passed, true);
    stop_wake(gs);
}

/*
 * While the loop was held up, pings filled its control socket, and some may still be there. The stop's own message
 * would then be lost without an error, and httpd_stop() would wait for ever. Once work that was queued now has run, all
 * that came before it is gone. The loop itself adds nothing by now: for a WebSocket that was shut it queues, at each
 * turn, a message to close it, until it has come to the first of them; but no session is open any more.
 */
static bool empty_control_socket(stop_object_t *gs, uint32_t limit_ms)
{
    poke(gs->fence_passed, false);
    return wait_for(gs, &gs->fence_passed, stop_fence, limit_ms);
}

/* The server's own stop. From 5.0 on it says when its message could not be sent; then it may be asked again. */
static bool stop_server(stop_object_t *gs)
{
    uint32_t limit_ms = begin_phase(gs, HTTPD_GRACEFUL_STOP_STOP);
    bool stopped = false;
    if (empty_control_socket(gs, limit_ms)) { /* otherwise httpd_stop() has not had it: it may be tried again */
        httpd_handle_t server = peek(gs->server);
        poke(gs->server, NULL); /* first: another server may have its address as soon as it has gone */
        while (!(stopped = gs->server_stop(server) == ESP_OK) && stop_now_ms() - gs->phase_begin_ms < limit_ms) {
            vTaskDelay(pdMS_TO_TICKS(PING_EVERY_MS));
        }
        if (stopped) {
            poke(gs->server_task, NULL);
        } else {
            poke(gs->server, server);
        }
    }
    end_phase(gs);
    return stopped;
}

static __attribute__((noinline)) size_t heap_free(void)
{
    return heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
}

/* Free heap at once after httpd_stop() lacks the server's stack: IDLE has yet to free it, which ends the task, too. */
static void wait_for_idle(UBaseType_t tasks_before)
{
    bool gone;
    TickType_t looks = pdMS_TO_TICKS(HEAP_SETTLE_MS);
    do {
        gone = uxTaskGetNumberOfTasks() < tasks_before;
        vTaskDelay(1); /* also then: FreeRTOS counts a task as gone just before it frees its stack */
    } while (!gone && --looks > 0);
}

static esp_err_t stop_in_phases(stop_object_t *gs)
{
    if (!drain_and_shut_down(gs)) {
        if (peek(gs->ping_out)) { /* perhaps queued only just now: when it runs, it wakes this task */
            ulTaskNotifyTake(pdTRUE, pdMS_TO_TICKS(PING_EVERY_MS));
        }
        stop_enter();
        gs->report.remaining = (uint16_t)(peek(gs->leases) + peek(gs->ping_out));
        stop_exit();
        return ESP_ERR_TIMEOUT;
    }
    UBaseType_t tasks_before = uxTaskGetNumberOfTasks();
    if (!stop_server(gs)) {
        return ESP_ERR_TIMEOUT;
    }
    if (gs->cancel_work != NULL) {
        gs->cancel_work(gs);
    }
    handlers_delete(gs);
    sessions_delete(gs);
    wait_for_idle(tasks_before);
    return ESP_OK;
}

static void run_stop(stop_object_t *gs)
{
    size_t heap_bytes = heap_free();
    stop_enter();
    bool first = gs->report.heap_before == 0; /* later attempts at the same stop go on counting */
    if (first) {
        gs->report.port = gs->port;
        gs->report.sessions = (uint16_t)peek(gs->sessions_open);
        gs->report.heap_before = heap_bytes;
    }
    for (int phase = 0; phase < HTTPD_GRACEFUL_STOP_PHASES; phase++) {
        gs->report.phase_ms[phase] = 0;
    }
    gs->report.remaining = 0;
    stop_exit();
    if (first) {
        tell(gs, HTTPD_GRACEFUL_STOP_EVENT_BEGIN);
    }

    esp_err_t err = stop_in_phases(gs);

    heap_bytes = heap_free();
    size_t largest = heap_caps_get_largest_free_block(MALLOC_CAP_DEFAULT);
    stop_enter();
    gs->report.err = err;
    gs->report.heap_after = heap_bytes;
    gs->report.largest_block = largest;
    stop_exit();
    tell(gs, HTTPD_GRACEFUL_STOP_EVENT_END); /* before a caller goes on, and perhaps restarts the chip */
    poke(gs->attempt, false);
    if (err == ESP_OK) {
        poke(gs->state, STATE_STOPPED);
    }
    poke(gs->attempts, peek(gs->attempts) + 1);
    xSemaphoreGive(gs->idle);
}

void stop_task(void *arg)
{
    stop_object_t *gs = arg;
    while (peek(gs->state) != STATE_DELETED) {
        ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
        if (peek(gs->state) == STATE_STARTING) {
            /* lwIP keeps a semaphore for each task that has called it (LWIP_NETCONN_SEM_PER_THREAD). */
            close(socket(AF_INET, SOCK_DGRAM, 0));
        }
        if (peek(gs->attempt)) {
            run_stop(gs);
        }
    }
    stop_free(gs);
    vTaskDelete(NULL);
}
