/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The life of a server: start, stop, and the state it is in between.
 *
 *     STOPPED -> STARTING -> RUNNING -> STOPPING -> STOPPED
 *
 * Only stop() leaves RUNNING, by compare-and-swap, and only the helper task leaves STOPPING. An attempt that timed out
 * leaves the object STOPPING, with no attempt running; the next call begins another, or joins a httpd_stop() that has
 * not returned.
 */
#include <string.h>

#include "esp_timer.h"

#include "stop_object.h"

/* What may come on top of the limits: measuring the heap (100 ms) and the rounding up to ticks. */
#define SLACK_MS 180
#define HEAP_MEASURED_MS 150

ESP_EVENT_DEFINE_BASE(HTTPD_GRACEFUL_STOP_EVENT);

int64_t stop_now_us(void)
{
    return esp_timer_get_time();
}

uint32_t stop_now_ms(void)
{
    return (uint32_t)(stop_now_us() / 1000);
}

TickType_t stop_ticks_until(int64_t deadline_us)
{
    int64_t left_us = deadline_us - stop_now_us();
    if (left_us <= 0) {
        return 1;
    }
    return (TickType_t)((left_us * configTICK_RATE_HZ + 999999) / 1000000);
}

void stop_notify(httpd_graceful_stop_handle_t gs)
{
    if (atomic_load(&gs->state) == STATE_STOPPING) {
        atomic_store(&gs->changed, true);
        xTaskNotifyGive(gs->task);
    }
}

esp_err_t httpd_graceful_stop_set_limits(httpd_graceful_stop_handle_t gs, uint32_t drain_ms, uint32_t shutdown_ms,
                                         uint32_t stop_ms)
{
    if (!stop_is_known(gs)) {
        return ESP_ERR_INVALID_ARG;
    }
    xSemaphoreTake(gs->call_lock, portMAX_DELAY);
    gs->limits.drain_ms = drain_ms;
    gs->limits.shutdown_ms = shutdown_ms;
    gs->limits.stop_ms = stop_ms;
    xSemaphoreGive(gs->call_lock);
    return ESP_OK;
}

esp_err_t httpd_graceful_stop_start_with(httpd_graceful_stop_handle_t gs, const httpd_graceful_stop_server_t *server)
{
    if (!stop_is_known(gs) || server == NULL || server->httpd == NULL || server->start == NULL ||
        server->stop == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    int stopped = STATE_STOPPED;
    if (!atomic_compare_exchange_strong(&gs->state, &stopped, STATE_STARTING)) {
        return ESP_ERR_INVALID_STATE;
    }
    if (sessions_create(gs, server->httpd->max_open_sockets) != ESP_OK) {
        atomic_store(&gs->state, STATE_STOPPED);
        return ESP_ERR_NO_MEM;
    }
    xEventGroupClearBits(gs->events, EVENT_WARM);
    atomic_fetch_or(&gs->command, COMMAND_WARM_UP);
    xTaskNotifyGive(gs->task);
    xEventGroupWaitBits(gs->events, EVENT_WARM, pdFALSE, pdTRUE, portMAX_DELAY);

    gs->server_stop = server->stop;
    gs->user_open = server->httpd->open_fn;
    gs->user_close = server->httpd->close_fn;
    server->httpd->open_fn = stop_open_fns[gs->slot];
    server->httpd->close_fn = stop_close_fns[gs->slot];
    httpd_handle_t handle = NULL;
    esp_err_t err = server->start(&handle, server->config);
    /* Put back what the caller had (httpd_ssl_start() replaces open_fn, too), or a second start would chain twice. */
    server->httpd->open_fn = gs->user_open;
    server->httpd->close_fn = gs->user_close;
    if (err != ESP_OK) {
        sessions_delete(gs);
        atomic_store(&gs->state, STATE_STOPPED);
        return err;
    }
    gs->port = server->httpd->server_port;
    atomic_store(&gs->server, handle);
    atomic_store(&gs->state, STATE_RUNNING);
    /* First in its queue: it tells which task the server is, before anything there can call stop(). */
    httpd_queue_work(handle, stop_ping, gs);
    return ESP_OK;
}

static esp_err_t start_plain(httpd_handle_t *out, void *config)
{
    return httpd_start(out, config);
}

esp_err_t httpd_graceful_stop_start(httpd_graceful_stop_handle_t gs, const httpd_config_t *config)
{
    if (config == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    httpd_config_t own = *config;
    const httpd_graceful_stop_server_t server = {
        .httpd = &own,
        .start = start_plain,
        .stop = httpd_stop,
        .config = &own,
    };
    return httpd_graceful_stop_start_with(gs, &server);
}

httpd_handle_t httpd_graceful_stop_server(httpd_graceful_stop_handle_t gs)
{
    return stop_is_known(gs) ? atomic_load(&gs->server) : NULL;
}

httpd_graceful_stop_report_t stop_report_now(httpd_graceful_stop_handle_t gs)
{
    httpd_graceful_stop_report_t report = gs->report;
    report.websockets = (uint16_t)atomic_load(&gs->websockets);
    report.forced_count = (uint16_t)atomic_load(&gs->forced);
    report.refused = (uint16_t)atomic_load(&gs->refused);
    report.total_ms = (uint32_t)((stop_now_us() - gs->begin_us) / 1000);
    return report;
}

/* Begins an attempt, or joins the one that runs. call_lock held. */
static void begin_or_join(httpd_graceful_stop_handle_t gs)
{
    int running = STATE_RUNNING;
    bool first = atomic_compare_exchange_strong(&gs->state, &running, STATE_STOPPING);
    if (!first && gs->attempt_running) {
        return;
    }
    if (first) {
        memset(&gs->report, 0, sizeof(gs->report));
        atomic_store(&gs->websockets, 0);
        atomic_store(&gs->forced, 0);
        atomic_store(&gs->refused, 0);
    }
    gs->attempt_running = true;
    gs->end_posted = false;
    gs->begin_us = stop_now_us();
    xEventGroupClearBits(gs->events, EVENT_HANDED | EVENT_RETURNED | EVENT_DONE);
    atomic_fetch_or(&gs->command, COMMAND_STOP);
    xTaskNotifyGive(gs->task);
}

static EventBits_t wait_for(httpd_graceful_stop_handle_t gs, EventBits_t bits, int64_t deadline_us)
{
    EventBits_t seen;
    do {
        seen = xEventGroupWaitBits(gs->events, bits, pdFALSE, pdFALSE, stop_ticks_until(deadline_us));
    } while ((seen & bits) == 0 && stop_now_us() < deadline_us);
    return seen;
}

/* Waits for the end of the attempt, by the limits of its phases. @return false when it did not come in time */
static bool wait_for_end(httpd_graceful_stop_handle_t gs, const httpd_graceful_stop_config_t *limits)
{
    int64_t called_us = stop_now_us();
    int64_t all_us = ((int64_t)limits->drain_ms + limits->shutdown_ms + limits->stop_ms + SLACK_MS) * 1000;
    EventBits_t seen = wait_for(gs, EVENT_DONE | EVENT_HANDED, called_us + all_us);
    if ((seen & (EVENT_DONE | EVENT_HANDED)) == EVENT_HANDED) {
        xSemaphoreTake(gs->call_lock, portMAX_DELAY);
        int64_t since_us = gs->handed_us > called_us ? gs->handed_us : called_us;
        xSemaphoreGive(gs->call_lock);
        seen = wait_for(gs, EVENT_DONE | EVENT_RETURNED, since_us + (int64_t)limits->stop_ms * 1000);
        if ((seen & (EVENT_DONE | EVENT_RETURNED)) == EVENT_RETURNED) {
            seen = wait_for(gs, EVENT_DONE, stop_now_us() + HEAP_MEASURED_MS * 1000);
        }
    }
    return (seen & EVENT_DONE) != 0;
}

esp_err_t httpd_graceful_stop_stop(httpd_graceful_stop_handle_t gs, httpd_graceful_stop_report_t *report)
{
    if (!stop_is_known(gs)) {
        return ESP_ERR_INVALID_ARG;
    }
    TaskHandle_t self = xTaskGetCurrentTaskHandle();
    if (self == atomic_load(&gs->server_task) || self == gs->task) {
        return ESP_ERR_INVALID_STATE;
    }
    xSemaphoreTake(gs->call_lock, portMAX_DELAY);
    int state = atomic_load(&gs->state);
    httpd_graceful_stop_config_t limits = gs->limits;
    httpd_graceful_stop_report_t result = gs->last;
    if (state == STATE_RUNNING || state == STATE_STOPPING) {
        begin_or_join(gs);
    }
    xSemaphoreGive(gs->call_lock);
    if (state == STATE_STARTING || state == STATE_DELETED) {
        return ESP_ERR_INVALID_STATE;
    }
    if (state != STATE_STOPPED) {
        bool ended = wait_for_end(gs, &limits);
        bool post = false;
        xSemaphoreTake(gs->call_lock, portMAX_DELAY);
        if (ended || !gs->attempt_running) {
            result = gs->last;
        } else { /* httpd_stop() has not returned, or the helper is held up in the network stack */
            result = stop_report_now(gs);
            result.err = ESP_ERR_TIMEOUT;
            post = !gs->end_posted;
            gs->end_posted = true;
        }
        xSemaphoreGive(gs->call_lock);
        if (post) {
            esp_event_post(HTTPD_GRACEFUL_STOP_EVENT, HTTPD_GRACEFUL_STOP_EVENT_END, &result, sizeof(result), 0);
        }
    }
    if (report != NULL) {
        *report = result;
    }
    return result.err;
}

bool httpd_graceful_stop_stopping(httpd_graceful_stop_handle_t gs)
{
    return stop_is_known(gs) && atomic_load(&gs->state) == STATE_STOPPING;
}

bool httpd_graceful_stop_requested(httpd_req_t *req)
{
    httpd_graceful_stop_handle_t gs = req != NULL ? stop_find(req->handle) : NULL;
    return gs != NULL && atomic_load(&gs->state) == STATE_STOPPING;
}
