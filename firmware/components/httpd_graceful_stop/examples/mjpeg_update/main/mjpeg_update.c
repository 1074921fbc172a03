/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * An MJPEG stream that gives way to an update over the air: see ../README.md.
 */
#include <stdio.h>
#include <stdlib.h>

#include "esp_event.h"
#include "esp_http_client.h"
#include "esp_https_ota.h"
#include "esp_log.h"
#include "esp_netif.h"
#include "esp_ota_ops.h"
#include "esp_system.h"
#include "nvs_flash.h"
#include "protocol_examples_common.h"

#include "httpd_graceful_stop.h"

#define BOUNDARY "frame"

static const char *TAG = "mjpeg_update";
/* A stream keeps the one task of its server: so it has a server of its own, and the request to update comes through. */
static httpd_graceful_stop_handle_t s_control, s_streams;

/* One grey pixel: quantization by 1, a Huffman code of one bit for each table. Put the camera's frame here. */
static const uint8_t FRAME[] = {
    0xff, 0xd8, 0xff, 0xdb, 0x00, 0x43, 0x00, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01,
    0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01,
    0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01,
    0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0xff,
    0xc0, 0x00, 0x0b, 0x08, 0x00, 0x01, 0x00, 0x01, 0x01, 0x01, 0x11, 0x00, 0xff, 0xc4, 0x00, 0x14, 0x00, 0x01,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xc4,
    0x00, 0x14, 0x10, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0xff, 0xda, 0x00, 0x08, 0x01, 0x01, 0x00, 0x00, 0x3f, 0x00, 0x3f, 0xff, 0xd9,
};

static esp_err_t send_frame(httpd_req_t *req)
{
    char head[96];
    int len =
        snprintf(head, sizeof(head), "\r\n--" BOUNDARY "\r\nContent-Type: image/jpeg\r\nContent-Length: %u\r\n\r\n",
                 (unsigned)sizeof(FRAME));
    esp_err_t err = httpd_resp_send_chunk(req, head, len);
    return err == ESP_OK ? httpd_resp_send_chunk(req, (const char *)FRAME, sizeof(FRAME)) : err;
}

static esp_err_t on_stream(httpd_req_t *req)
{
    esp_err_t err = httpd_resp_set_type(req, "multipart/x-mixed-replace;boundary=" BOUNDARY);
    while (err == ESP_OK && !httpd_graceful_stop_requested(req)) { /* the one line that makes it end whole */
        err = send_frame(req);
        vTaskDelay(pdMS_TO_TICKS(40));
    }
    if (err == ESP_OK) {
        err = httpd_resp_sendstr_chunk(req, "\r\n--" BOUNDARY "--\r\n");
    }
    return err == ESP_OK ? httpd_resp_send_chunk(req, NULL, 0) : err;
}

/* ---- The update ------------------------------------------------------------------------------------------------- */

static void start_servers(void);

static esp_err_t stop(httpd_graceful_stop_handle_t server)
{
    httpd_graceful_stop_report_t report;
    esp_err_t err = httpd_graceful_stop_stop(server, &report);
    if (err == ESP_OK) {
        ESP_LOGI(TAG, "port %u stopped in %u ms: %u sessions, %u forced, %u KB free", (unsigned)report.port,
                 (unsigned)report.total_ms, (unsigned)report.sessions, (unsigned)report.forced_count,
                 (unsigned)(report.heap_after / 1024));
    } else {
        /* A handler ignores its errors. Nothing ends it from outside but a restart: note the URL, and update first. */
        ESP_LOGE(TAG, "port %u not stopped: %u handlers or leases are out", (unsigned)report.port,
                 (unsigned)report.remaining);
    }
    return err;
}

static void update_task(void *arg)
{
    char *url = arg;
    esp_err_t err = stop(s_streams);
    if (err == ESP_OK) {
        err = stop(s_control);
    }
    if (err == ESP_OK) {
        esp_http_client_config_t http = {.url = url, .timeout_ms = 10000, .keep_alive_enable = true};
        const esp_https_ota_config_t ota = {.http_config = &http};
        err = esp_https_ota(&ota);
    }
    free(url);
    if (err == ESP_OK) {
        esp_restart();
    }
    ESP_LOGE(TAG, "no update: %s", esp_err_to_name(err));
    start_servers(); /* those that were stopped */
    vTaskDelete(NULL);
}

static esp_err_t on_update(httpd_req_t *req)
{
    char query[256];
    char *url = malloc(sizeof(query));
    if (url == NULL || httpd_req_get_url_query_str(req, query, sizeof(query)) != ESP_OK ||
        httpd_query_key_value(query, "url", url, sizeof(query)) != ESP_OK) {
        free(url);
        return httpd_resp_send_err(req, HTTPD_400_BAD_REQUEST, "/update?url=http://...");
    }
    httpd_resp_sendstr(req, "updating\n");
    /* Above the streams (5), which may take all of a chip with one core. */
    if (xTaskCreate(update_task, "update", 8192, url, 6, NULL) != pdPASS) {
        free(url);
        return ESP_FAIL;
    }
    return ESP_OK;
}

/* ---- Start ------------------------------------------------------------------------------------------------------ */

static void start(httpd_graceful_stop_handle_t server, uint16_t port, const httpd_uri_t *uri)
{
    httpd_config_t config = HTTPD_DEFAULT_CONFIG();
    config.server_port = port;
    config.ctrl_port += port; /* each server needs one of its own */
    config.max_open_sockets = 2;
    esp_err_t err = httpd_graceful_stop_start(server, &config);
    if (err == ESP_OK) {
        err = httpd_graceful_stop_register_uri_handler(server, uri);
    }
    if (err != ESP_OK) {
        ESP_LOGE(TAG, "port %u: %s", (unsigned)port, esp_err_to_name(err));
    }
}

static void start_servers(void)
{
    static const httpd_uri_t update = {.uri = "/update", .method = HTTP_GET, .handler = on_update};
    static const httpd_uri_t stream = {.uri = "/stream", .method = HTTP_GET, .handler = on_stream};
    start(s_control, 80, &update);
    start(s_streams, 81, &stream);
}

void app_main(void)
{
    ESP_ERROR_CHECK(nvs_flash_init());
    ESP_ERROR_CHECK(esp_netif_init());
    ESP_ERROR_CHECK(esp_event_loop_create_default());
    ESP_ERROR_CHECK(example_connect());

    const httpd_graceful_stop_config_t limits = HTTPD_GRACEFUL_STOP_CONFIG_DEFAULT();
    ESP_ERROR_CHECK(httpd_graceful_stop_create(&limits, &s_control));
    ESP_ERROR_CHECK(httpd_graceful_stop_create(&limits, &s_streams));
    start_servers();
    esp_ota_mark_app_valid_cancel_rollback(); /* the network is up and the servers run: good enough to stay */
}
