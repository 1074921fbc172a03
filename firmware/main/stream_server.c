/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Two ways to serve MJPEG. `inline` loops in the handler, in the server's own task, as the camera example does: one
 * client is served and the others wait. `workers` hands the request to a task (stream_worker.c). Both end a stream on a
 * frame's end when a stop is asked for.
 */
#include "stream_server.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "esp_check.h"
#include "esp_log.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

#include "events.h"
#include "frame_source.h"
#include "idf_compat.h"
#include "stop_strategies.h"
#include "stream_tls.h"
#include "stream_worker.h"
#include "stuck_stream.h"
#include "websocket.h"

#define CTRL_PORT       32769 /* UDP on loopback, where the server is woken; each server needs its own */
#define STACK_BYTES     5120
#define INTERVAL_MIN_MS 10
#define INTERVAL_MAX_MS 5000
#define STOP_POLL_MS    20 /* how soon a stream that waits for its next frame hears of a stop */
#define BOUNDARY        "hilframe"

static const char TAG[] = "stream";
static httpd_graceful_stop_handle_t s_stop;
static atomic_uint s_mjpeg_now;
static atomic_uint s_mjpeg_served;
static atomic_uint s_mjpeg_frames;

static uint32_t interval_of(httpd_req_t *req)
{
    char query[48];
    char value[12];
    if (httpd_req_get_url_query_str(req, query, sizeof(query)) != ESP_OK ||
        httpd_query_key_value(query, "interval_ms", value, sizeof(value)) != ESP_OK) {
        return settings()->frame_ms;
    }
    const long asked_ms = strtol(value, NULL, 10);
    if (asked_ms < INTERVAL_MIN_MS) {
        return INTERVAL_MIN_MS;
    }
    return asked_ms > INTERVAL_MAX_MS ? INTERVAL_MAX_MS : (uint32_t)asked_ms;
}

static esp_err_t send_part(httpd_req_t *req, const char *data, size_t len)
{
    stop_strategies_send_begins(req);
    const esp_err_t err = httpd_resp_send_chunk(req, data, (ssize_t)len);
    stop_strategies_send_ended();
    return err;
}

static esp_err_t send_frame(httpd_req_t *req, const frame_t *frame)
{
    char head[96];
    const int len =
        snprintf(head, sizeof(head), "\r\n--" BOUNDARY "\r\nContent-Type: image/jpeg\r\nContent-Length: %u\r\n\r\n",
                 (unsigned)frame->len);
    const esp_err_t err = send_part(req, head, (size_t)len);
    return err != ESP_OK ? err : send_part(req, (const char *)frame->data, frame->len);
}

/* Waits for the next frame's time. @return false when a stop is asked for. */
static bool wait_until(httpd_req_t *req, int64_t due_us)
{
    while (!httpd_graceful_stop_requested(req)) {
        const int64_t left_ms = (due_us - esp_timer_get_time()) / 1000;
        if (left_ms <= 0) {
            return true;
        }
        const TickType_t ticks = pdMS_TO_TICKS(left_ms < STOP_POLL_MS ? left_ms : STOP_POLL_MS);
        vTaskDelay(ticks > 0 ? ticks : 1);
    }
    return false;
}

enum end {
    END_STOP,   /* a stop was asked for */
    END_SOURCE, /* no more frames */
    END_SEND,   /* the client is gone, or was cut off */
};
static const char *const END_NAMES[] = {"stop", "source", "send"};

/* Sends frames until something ends the stream. */
static enum end send_frames(httpd_req_t *req, frame_source_t *source, uint32_t interval_ms, uint32_t *frames)
{
    int64_t due_us = esp_timer_get_time();
    while (wait_until(req, due_us)) {
        frame_t frame;
        if (frame_source_next(source, *frames, &frame) != ESP_OK) {
            return END_SOURCE;
        }
        const esp_err_t err = send_frame(req, &frame);
        frame_source_release(source, &frame);
        if (err != ESP_OK) {
            return END_SEND;
        }
        ++*frames;
        atomic_fetch_add(&s_mjpeg_frames, 1);
        due_us += (int64_t)interval_ms * 1000;
        if (due_us < esp_timer_get_time()) {
            due_us = esp_timer_get_time(); /* a slow client gets fewer frames, not a burst of late ones */
        }
    }
    return END_STOP;
}

esp_err_t stream_serve(httpd_req_t *req)
{
    frame_source_t *source;
    if (frame_source_open(settings()->frame_bytes, &source) != ESP_OK) {
        return httpd_resp_send_err(req, HTTPD_500_INTERNAL_SERVER_ERROR, "no memory for a stream");
    }
    const int fd = httpd_req_to_sockfd(req);
    const uint32_t interval_ms = interval_of(req);
    event("stream_open", "\"fd\":%d,\"kind\":\"mjpeg\",\"interval_ms\":%lu", fd, (unsigned long)interval_ms);
    atomic_fetch_add(&s_mjpeg_now, 1);
    atomic_fetch_add(&s_mjpeg_served, 1);

    /* And no header of its own: up to ESP-IDF 5.2.3 an async request shares those with the server, whose next request
     * wipes them while they are sent. */
    httpd_resp_set_type(req, "multipart/x-mixed-replace;boundary=" BOUNDARY);
    uint32_t frames = 0;
    const enum end end = send_frames(req, source, interval_ms, &frames);
    frame_source_close(source);
    esp_err_t err = ESP_FAIL;
    if (end != END_SEND) {
        err = httpd_resp_sendstr_chunk(req, "\r\n--" BOUNDARY "--\r\n");
        if (err == ESP_OK) {
            err = httpd_resp_send_chunk(req, NULL, 0);
        }
    }
    atomic_fetch_sub(&s_mjpeg_now, 1);
    event("stream_close", "\"fd\":%d,\"kind\":\"mjpeg\",\"frames\":%lu,\"why\":\"%s\"", fd, (unsigned long)frames,
          END_NAMES[end]);
    return err;
}

static esp_err_t stream_handler(httpd_req_t *req)
{
    return stream_server_mode() == STREAM_MODE_WORKERS ? stream_worker_take(req) : stream_serve(req);
}

stream_mode_t stream_server_mode(void)
{
    return HTTPD_HAS_ASYNC ? settings()->stream_mode : STREAM_MODE_INLINE;
}

void stream_server_counts(stream_counts_t *out)
{
    out->mjpeg.now = atomic_load(&s_mjpeg_now);
    out->mjpeg.served = atomic_load(&s_mjpeg_served);
    out->mjpeg.frames = atomic_load(&s_mjpeg_frames);
    websocket_counts(&out->ws);
}

esp_err_t stream_server_init(void)
{
    httpd_graceful_stop_config_t limits = HTTPD_GRACEFUL_STOP_CONFIG_DEFAULT();
    limits.drain_ms = settings()->drain_ms;
    limits.shutdown_ms = settings()->shutdown_ms;
    limits.stop_ms = settings()->stop_ms;
    ESP_RETURN_ON_ERROR(httpd_graceful_stop_create(&limits, &s_stop), TAG, "stop object");
    ESP_RETURN_ON_ERROR(websocket_init(s_stop), TAG, "WebSocket");
    return stream_server_mode() == STREAM_MODE_WORKERS ? stream_workers_init() : ESP_OK;
}

esp_err_t stream_server_start(void)
{
    httpd_config_t config = HTTPD_DEFAULT_CONFIG();
    config.server_port = settings()->port_stream;
    config.ctrl_port = CTRL_PORT;
    config.max_open_sockets = STREAM_MAX_CLIENTS;
    config.stack_size = STACK_BYTES;
    esp_err_t err =
        settings()->tls_streams ? stream_tls_start(s_stop, &config) : httpd_graceful_stop_start(s_stop, &config);
    ESP_RETURN_ON_ERROR(err, TAG, "start on port %u", config.server_port);

    static const httpd_uri_t STREAM_URI = {.uri = "/stream", .method = HTTP_GET, .handler = stream_handler};
    err = httpd_graceful_stop_register_uri_handler(s_stop, &STREAM_URI);
    if (err == ESP_OK) {
        err = websocket_register();
    }
    if (err == ESP_OK) {
        err = stuck_stream_register(s_stop);
    }
    if (err != ESP_OK) {
        httpd_graceful_stop_stop(s_stop, NULL);
    }
    return err;
}

httpd_graceful_stop_handle_t stream_server(void)
{
    return s_stop;
}
