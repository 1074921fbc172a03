/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The life of a server: start, stop, and the state it is in between.
 *
 *     STOPPED -> STARTING -> RUNNING -> STOPPING -> STOPPED
 *
 * Only stop() leaves RUNNING, and only the helper task leaves STOPPING. An attempt that timed out leaves the object
 * STOPPING, with no attempt running; the next call begins another, or joins a httpd_stop() that has not returned.
 */
#include <string.h>

#include "esp_timer.h"

#include "stop_object.h"

/* How often a caller looks whether a limit has passed. The end itself wakes it. */
#define LOOK_MS    20
/* The drain phase has taken so much more than its limit: the helper is held up. */
#define HELD_UP_MS 100

ESP_EVENT_DEFINE_BASE(HTTPD_GRACEFUL_STOP_EVENT);

uint32_t stop_now_ms(void)
{
    return (uint32_t)(esp_timer_get_time() / 1000);
}

void stop_wake(stop_object_t *gs)
{
    xTaskNotifyGive(gs->task);
}

void stop_notify(stop_object_t *gs)
{
    if (peek(gs->state) == STATE_STOPPING) {
        poke(gs->changed, true);
        stop_wake(gs);
    }
}

void stop_count(uint16_t *counter)
{
    stop_enter();
    ++*counter;
    stop_exit();
}

void stop_post(int32_t id, const httpd_graceful_stop_report_t *report)
{
    esp_event_post(HTTPD_GRACEFUL_STOP_EVENT, id, (void *)report, sizeof(*report), 0); /* const since 5.0 */
}

esp_err_t httpd_graceful_stop_set_limits(httpd_graceful_stop_handle_t handle, uint32_t drain_ms, uint32_t shutdown_ms,
                                         uint32_t stop_ms)
{
    stop_enter();
    stop_object_t *gs = stop_object(handle);
    if (gs != NULL) {
        gs->limit_ms[HTTPD_GRACEFUL_STOP_DRAIN] = drain_ms;
        gs->limit_ms[HTTPD_GRACEFUL_STOP_SHUTDOWN] = shutdown_ms;
        gs->limit_ms[HTTPD_GRACEFUL_STOP_STOP] = stop_ms;
    }
    stop_exit();
    return gs != NULL ? ESP_OK : ESP_ERR_INVALID_ARG;
}

static esp_err_t start_held(stop_object_t *gs, const httpd_graceful_stop_server_t *server)
{
    esp_err_t err = stop_change_state(gs, STATE_STOPPED, STATE_STARTING);
    if (err != ESP_OK) {
        return err;
    }
    httpd_config_t *httpd = server->httpd;
    httpd_handle_t handle = NULL;
    err = sessions_create(gs, httpd->max_open_sockets);
    if (err == ESP_OK) {
        stop_wake(gs); /* for what lwIP keeps for each task: see there */
        gs->server_stop = server->stop;
        gs->user_open = httpd->open_fn;
        gs->user_close = httpd->close_fn;
        httpd->open_fn = stop_session_functions[stop_slot(gs->handle)].open;
        httpd->close_fn = stop_session_functions[stop_slot(gs->handle)].close;
        err = server->start(&handle, server->config);
        /* Put back what the caller had (httpd_ssl_start() replaces open_fn, too), or a second start would chain twice.
         */
        httpd->open_fn = gs->user_open;
        httpd->close_fn = gs->user_close;
        gs->port = httpd->server_port; /* httpd_ssl_start() sets it */
    }
    if (err == ESP_OK) {
        /* First in its queue: it tells which task the server is, before anything there can call stop(). */
        httpd_queue_work(handle, stop_ping, gs);
    } else {
        handle = NULL;
        sessions_delete(gs);
    }
    stop_enter();
    poke(gs->server, handle);
    poke(gs->state, err == ESP_OK ? STATE_RUNNING : STATE_STOPPED);
    stop_exit();
    return err;
}

esp_err_t httpd_graceful_stop_start_with(httpd_graceful_stop_handle_t handle,
                                         const httpd_graceful_stop_server_t *server)
{
    bool whole = server != NULL && server->httpd != NULL && server->start != NULL && server->stop != NULL;
    stop_object_t *gs = whole ? stop_hold(handle) : NULL;
    if (gs == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = start_held(gs, server);
    stop_let_go(gs);
    return err;
}

static esp_err_t start_plain(httpd_handle_t *out, void *config)
{
    return httpd_start(out, config);
}

esp_err_t httpd_graceful_stop_start(httpd_graceful_stop_handle_t handle, const httpd_config_t *config)
{
    if (config == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    httpd_config_t own = *config;
    const httpd_graceful_stop_server_t server = {&own, start_plain, httpd_stop, &own};
    return httpd_graceful_stop_start_with(handle, &server);
}

httpd_handle_t httpd_graceful_stop_server(httpd_graceful_stop_handle_t handle)
{
    stop_enter();
    stop_object_t *gs = stop_object(handle);
    httpd_handle_t server = gs != NULL ? peek(gs->server) : NULL;
    stop_exit();
    return server;
}

/*
 * Where httpd_queue_work() waits for room, the helper may wait there for the very handler that it is to end: those who
 * wait for it then shut the clients down in its place, as late as it would have.
 */
static void force_for_helper(stop_object_t *gs)
{
    stop_enter();
    bool draining = gs->report.phase == HTTPD_GRACEFUL_STOP_DRAIN;
    int32_t over_ms = (int32_t)(stop_now_ms() - gs->begin_ms - gs->limit_ms[HTTPD_GRACEFUL_STOP_DRAIN]);
    bool all = over_ms > (int32_t)gs->limit_ms[HTTPD_GRACEFUL_STOP_SHUTDOWN] / 4;
    stop_exit();
    if (draining && over_ms > HELD_UP_MS) {
        sessions_force(gs, all);
    }
}

/*
 * Waits for the end of the attempt and copies its report. `idle` is given when no attempt runs: whoever gets it looks,
 * and gives it back. Another caller may get it first and begin the next attempt, which is not waited for: @p attempts
 * had ended before this one. @return false when the limits have passed
 */
static bool wait_for_end(stop_object_t *gs, uint32_t called_ms, unsigned attempts, httpd_graceful_stop_report_t *report)
{
    for (;;) {
        bool idle = xSemaphoreTake(gs->idle, pdMS_TO_TICKS(LOOK_MS)) == pdTRUE;
        if (IDF_QUEUE_WORK_WAITS && !idle) {
            force_for_helper(gs);
        }
        stop_enter();
        *report = gs->report;
        bool ended = idle || peek(gs->attempts) != attempts;
        uint32_t deadline_ms = gs->deadline_ms;
        if ((int32_t)(deadline_ms - called_ms) <= 0) { /* it joins a stop of the server that hangs */
            deadline_ms = called_ms + gs->limit_ms[HTTPD_GRACEFUL_STOP_STOP];
        }
        stop_exit();
        if (idle) {
            xSemaphoreGive(gs->idle);
        }
        if (ended) {
            return true;
        }
        if ((int32_t)(deadline_ms - stop_now_ms()) <= 0) {
            return false;
        }
    }
}

static esp_err_t stop_held(stop_object_t *gs, httpd_graceful_stop_report_t *report)
{
    TaskHandle_t self = xTaskGetCurrentTaskHandle();
    if (self == peek(gs->server_task) || self == gs->task || peek(gs->state) == STATE_STARTING) {
        return ESP_ERR_INVALID_STATE;
    }
    uint32_t called_ms = stop_now_ms();
    bool idle = xSemaphoreTake(gs->idle, 0) == pdTRUE; /* otherwise an attempt runs, and is joined */
    unsigned attempts = peek(gs->attempts);
    if (idle) {
        stop_enter();
        if (peek(gs->state) == STATE_RUNNING) {
            memset(&gs->report, 0, sizeof(gs->report));
            poke(gs->state, STATE_STOPPING);
        }
        bool begun = peek(gs->state) == STATE_STOPPING;
        if (begun) {
            gs->begin_ms = called_ms;
        }
        poke(gs->attempt, begun);
        stop_exit();
        if (begun) {
            stop_wake(gs);
        } else { /* there is no server */
            xSemaphoreGive(gs->idle);
        }
    }
    if (!wait_for_end(gs, called_ms, attempts, report)) {
        /* httpd_stop() hangs, or the helper is held up in the network stack */
        report->err = ESP_ERR_TIMEOUT;
        if (IDF_QUEUE_WORK_WAITS && report->phase == HTTPD_GRACEFUL_STOP_DRAIN) {
            report->remaining = 1; /* the handler that the helper waits for */
        }
        report->total_ms = stop_now_ms() - called_ms;
        stop_post(HTTPD_GRACEFUL_STOP_EVENT_END, report);
    }
    return report->err;
}

esp_err_t httpd_graceful_stop_stop(httpd_graceful_stop_handle_t handle, httpd_graceful_stop_report_t *report)
{
    stop_object_t *gs = stop_hold(handle);
    if (gs == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    httpd_graceful_stop_report_t own;
    esp_err_t err = stop_held(gs, report != NULL ? report : &own);
    stop_let_go(gs);
    return err;
}

bool httpd_graceful_stop_stopping(httpd_graceful_stop_handle_t handle)
{
    stop_enter();
    stop_object_t *gs = stop_object(handle);
    bool stopping = gs != NULL && peek(gs->state) == STATE_STOPPING;
    stop_exit();
    return stopping;
}

bool httpd_graceful_stop_requested(httpd_req_t *req)
{
    stop_object_t *gs = req != NULL ? stop_find(req->handle) : NULL;
    return gs != NULL && peek(gs->state) == STATE_STOPPING;
}
