/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The workers. The count of free ones is taken by the server's task before the request is copied, so a request is
 * never queued behind a stream that does not end.
 */
#include "stream_worker.h"

#include "esp_check.h"
#include "esp_log.h"
#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "sdkconfig.h"
#include "sys/socket.h"

#include "httpd_graceful_stop.h"

#include "priorities.h"
#include "settings.h"
#include "stream_server.h"

#define STACK_BYTES     4096
#define STACK_TLS_BYTES 8192 /* it encrypts what it sends */

static const char TAG[] = "worker";
static SemaphoreHandle_t s_free;
static QueueHandle_t s_requests;

static void worker_task(void *arg)
{
    (void)arg;
    for (;;) {
        httpd_req_t *req;
        xQueueReceive(s_requests, &req, portMAX_DELAY);
        const esp_err_t served = stream_serve(req);
        if (served != ESP_OK) {
            /* What a handler does by returning an error. The session is this worker's until it gives the request back;
             * after that the server finds the connection ended and closes it. */
            shutdown(httpd_req_to_sockfd(req), SHUT_RDWR);
        }
        httpd_graceful_stop_async_complete(req);
        xSemaphoreGive(s_free);
    }
}

esp_err_t stream_workers_init(void)
{
    s_free = xSemaphoreCreateCounting(CONFIG_HIL_STREAM_WORKERS, CONFIG_HIL_STREAM_WORKERS);
    s_requests = xQueueCreate(CONFIG_HIL_STREAM_WORKERS, sizeof(httpd_req_t *));
    ESP_RETURN_ON_FALSE(s_free != NULL && s_requests != NULL, ESP_ERR_NO_MEM, TAG, "no memory");
    const uint32_t stack_bytes = settings()->tls_streams ? STACK_TLS_BYTES : STACK_BYTES;
    for (int i = 0; i < CONFIG_HIL_STREAM_WORKERS; i++) {
        ESP_RETURN_ON_FALSE(xTaskCreate(worker_task, "stream", stack_bytes, NULL, PRIORITY_STREAM, NULL) == pdPASS,
                            ESP_ERR_NO_MEM, TAG, "no memory");
    }
    return ESP_OK;
}

static esp_err_t refuse(httpd_req_t *req, const char *reason)
{
    httpd_resp_set_status(req, "503 Service Unavailable");
    httpd_resp_set_hdr(req, "Connection", "close");
    httpd_resp_sendstr(req, reason);
    return ESP_FAIL; /* closes the session */
}

esp_err_t stream_worker_take(httpd_req_t *req)
{
    if (xSemaphoreTake(s_free, 0) != pdTRUE) {
        return refuse(req, "all streams are taken\n");
    }
    httpd_req_t *copy;
    const esp_err_t err = httpd_graceful_stop_async_begin(req, &copy);
    if (err != ESP_OK) {
        xSemaphoreGive(s_free);
        return refuse(req, err == ESP_ERR_INVALID_STATE ? "stopping\n" : "no memory for a stream\n");
    }
    xQueueSend(s_requests, &copy, portMAX_DELAY); /* has room: no more requests than free workers */
    return ESP_OK;
}
