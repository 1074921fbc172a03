/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * `/`, `/status` and `/capture`, as in the ESP32 camera example. Each request is answered and done with; what streams
 * lives in stream_server.c.
 */
#include "control_server.h"

#include <stdio.h>

#include "esp_check.h"
#include "esp_log.h"

#include "frame_source.h"
#include "settings.h"
#include "status.h"

#define CTRL_PORT    32768 /* UDP on loopback, where the server is woken; each server needs its own */
#define STATUS_BYTES 1024

static const char TAG[] = "control";
static httpd_graceful_stop_handle_t s_stop;

static esp_err_t index_handler(httpd_req_t *req)
{
    char page[416];
    snprintf(page, sizeof(page),
             "<!doctype html><title>hil</title><p><img id=v alt=stream><p><a href=/status>status</a> "
             "<a href=/capture>capture</a><script>v.src='%s://'+location.hostname+':%u/stream'</script>",
             settings()->tls_streams ? "https" : "http", settings()->port_stream);
    httpd_resp_set_type(req, "text/html");
    return httpd_resp_sendstr(req, page);
}

static esp_err_t status_handler(httpd_req_t *req)
{
    static char status[STATUS_BYTES]; /* too large for the stack, and used in the server's task alone */
    const size_t len = status_write(status, sizeof(status));
    httpd_resp_set_type(req, "application/json");
    return httpd_resp_send(req, status, (ssize_t)len);
}

static esp_err_t capture_handler(httpd_req_t *req)
{
    frame_source_t *source;
    if (frame_source_open(settings()->frame_bytes, &source) != ESP_OK) {
        return httpd_resp_send_err(req, HTTPD_500_INTERNAL_SERVER_ERROR, "no memory for a frame");
    }
    frame_t frame;
    esp_err_t err = frame_source_next(source, 0, &frame);
    if (err == ESP_OK) {
        httpd_resp_set_type(req, "image/jpeg");
        err = httpd_resp_send(req, (const char *)frame.data, (ssize_t)frame.len);
        frame_source_release(source, &frame);
    } else {
        err = httpd_resp_send_err(req, HTTPD_500_INTERNAL_SERVER_ERROR, "no frame");
    }
    frame_source_close(source);
    return err;
}

esp_err_t control_server_init(void)
{
    httpd_graceful_stop_config_t limits = HTTPD_GRACEFUL_STOP_CONFIG_DEFAULT();
    limits.drain_ms = settings()->drain_ms;
    limits.shutdown_ms = settings()->shutdown_ms;
    limits.stop_ms = settings()->stop_ms;
    return httpd_graceful_stop_create(&limits, &s_stop);
}

esp_err_t control_server_start(void)
{
    httpd_config_t config = HTTPD_DEFAULT_CONFIG();
    config.server_port = settings()->port_control;
    config.ctrl_port = CTRL_PORT;
    config.max_open_sockets = 2;
    config.lru_purge_enable = true; /* two idle browsers must not shut out the self-test */
    ESP_RETURN_ON_ERROR(httpd_graceful_stop_start(s_stop, &config), TAG, "start on port %u", config.server_port);

    static const httpd_uri_t URIS[] = {
        {.uri = "/", .method = HTTP_GET, .handler = index_handler},
        {.uri = "/status", .method = HTTP_GET, .handler = status_handler},
        {.uri = "/capture", .method = HTTP_GET, .handler = capture_handler},
    };
    for (size_t i = 0; i < sizeof(URIS) / sizeof(URIS[0]); i++) {
        const esp_err_t err = httpd_graceful_stop_register_uri_handler(s_stop, &URIS[i]);
        if (err != ESP_OK) {
            httpd_graceful_stop_stop(s_stop, NULL);
            return err;
        }
    }
    return ESP_OK;
}

httpd_graceful_stop_handle_t control_server(void)
{
    return s_stop;
}
