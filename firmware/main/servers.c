/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Start and stop of both servers. A stop is reported by the component's events, which the default event loop delivers
 * later and may have to drop; so a stop waits for its END, and prints the report itself when that does not come.
 */
#include "servers.h"

#include <stdatomic.h>

#include "esp_check.h"
#include "esp_event.h"
#include "esp_heap_caps.h"
#include "esp_log.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"

#include "httpd_graceful_stop.h"

#include "control_server.h"
#include "events.h"
#include "settings.h"
#include "stop_report.h"
#include "stream_server.h"

#define END_EVENT_MS 1000

static const char TAG[] = "servers";

static SemaphoreHandle_t s_end_printed;
static atomic_uint s_told; /* port of the server whose report was printed here: its END may come yet */
static size_t s_heap_idle;
static atomic_bool s_running;

/** Whether that server's last report was printed here. */
static bool forget_told(unsigned port)
{
    return atomic_compare_exchange_strong(&s_told, &port, 0);
}

static void on_stop_event(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    const httpd_graceful_stop_report_t *r = data;
    (void)arg;
    (void)base;
    switch (id) {
    case HTTPD_GRACEFUL_STOP_EVENT_BEGIN:
        stop_report_begin(r, "graceful");
        break;
    case HTTPD_GRACEFUL_STOP_EVENT_PHASE:
        stop_report_phase(r);
        break;
    case HTTPD_GRACEFUL_STOP_EVENT_END:
        if (!forget_told(r->port)) {
            stop_report_end(r);
            xSemaphoreGive(s_end_printed);
        }
        break;
    default:
        break;
    }
}

esp_err_t servers_init(void)
{
    s_end_printed = xSemaphoreCreateBinary();
    ESP_RETURN_ON_FALSE(s_end_printed != NULL, ESP_ERR_NO_MEM, TAG, "no memory");
    ESP_RETURN_ON_ERROR(esp_event_handler_register(HTTPD_GRACEFUL_STOP_EVENT, ESP_EVENT_ANY_ID, on_stop_event, NULL),
                        TAG, "handler");
    ESP_RETURN_ON_ERROR(control_server_init(), TAG, "control server");
    return stream_server_init();
}

static esp_err_t stop_one(httpd_graceful_stop_handle_t server, uint16_t port)
{
    if (httpd_graceful_stop_server(server) == NULL) {
        return ESP_OK;
    }
    forget_told(port);
    xSemaphoreTake(s_end_printed, 0);
    httpd_graceful_stop_report_t report;
    const esp_err_t err = httpd_graceful_stop_stop(server, &report);
    if (xSemaphoreTake(s_end_printed, pdMS_TO_TICKS(END_EVENT_MS)) != pdTRUE) {
        atomic_store(&s_told, port);
        stop_report_end(&report);
    }
    return err;
}

esp_err_t servers_start(void)
{
    s_heap_idle = heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
    esp_err_t err = control_server_start();
    if (err == ESP_OK) {
        err = stream_server_start();
        if (err != ESP_OK) {
            stop_one(control_server(), settings()->port_control);
        }
    }
    if (err != ESP_OK) {
        ESP_LOGE(TAG, "start: %s", esp_err_to_name(err));
    }
    atomic_store(&s_running, err == ESP_OK);
    return err;
}

esp_err_t servers_stop(void)
{
    atomic_store(&s_running, false);
    const esp_err_t streams = stop_one(stream_server(), settings()->port_stream);
    const esp_err_t control = stop_one(control_server(), settings()->port_control);
    return streams != ESP_OK ? streams : control;
}

esp_err_t servers_stop_control(void)
{
    atomic_store(&s_running, false);
    return stop_one(control_server(), settings()->port_control);
}

void servers_announce_ready(bool again)
{
    event("ready", "\"heap_idle\":%u,\"heap\":%u,\"stream_mode\":\"%s\"%s", (unsigned)s_heap_idle,
          (unsigned)heap_caps_get_free_size(MALLOC_CAP_DEFAULT),
          stream_server_mode() == STREAM_MODE_INLINE ? "inline" : "workers", again ? ",\"again\":true" : "");
}

bool servers_running(void)
{
    return atomic_load(&s_running);
}
