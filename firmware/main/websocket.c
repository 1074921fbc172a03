/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A producer queues one push at a time; the push runs in the server's task and goes over the sessions that are
 * WebSockets. So nothing piles up: not in the queue, since a push that has not run yet is not queued again, and not
 * before a client, since one whose socket takes no more is passed over. What a client got is counted in its session's
 * context, and the frames it gets are numbered without a gap.
 */
#include "websocket.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "esp_check.h"
#include "esp_log.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "sys/select.h"
#include "sys/socket.h"

#include "events.h"
#include "frame_source.h"
#include "priorities.h"
#include "settings.h"
#include "stream_server.h"

#define STACK_BYTES 2560
#define IDLE_MS     100 /* how soon a first client is found that was not announced */
#define MESSAGE_MAX 128 /* what a client may send; a longer message ends its session */

struct client {
    int fd;
    uint32_t frames;
};

static const char TAG[] = "ws";
static httpd_graceful_stop_handle_t s_server;
static frame_source_t *s_source;      /* used by pushes alone, and those run one after the other */
static TaskHandle_t s_producer;       /* notified when a client comes */
static SemaphoreHandle_t s_producing; /* held while the producer uses the server */
static atomic_bool s_queued;
static atomic_uint s_count;
static atomic_uint s_served;
static atomic_uint s_frames;

static void client_gone(void *ctx)
{
    struct client *client = ctx;
    event("stream_close", "\"fd\":%d,\"kind\":\"ws\",\"frames\":%lu,\"why\":\"closed\"", client->fd,
          (unsigned long)client->frames);
    atomic_fetch_sub(&s_count, 1);
    free(client);
}

static struct client *client_of(httpd_handle_t server, int fd)
{
    struct client *client = httpd_sess_get_ctx(server, fd);
    if (client == NULL) {
        client = calloc(1, sizeof(*client));
        if (client != NULL) {
            client->fd = fd;
            httpd_sess_set_ctx(server, fd, client, client_gone);
            atomic_fetch_add(&s_count, 1);
            atomic_fetch_add(&s_served, 1);
            event("stream_open", "\"fd\":%d,\"kind\":\"ws\"", fd);
        }
    }
    return client;
}

static bool writable(int fd)
{
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    struct timeval now = {0};
    return select(fd + 1, NULL, &set, NULL, &now) == 1;
}

static void push_to(httpd_handle_t server, int fd)
{
    struct client *client = client_of(server, fd);
    frame_t frame;
    if (client == NULL || !writable(fd) || frame_source_next(s_source, client->frames, &frame) != ESP_OK) {
        return;
    }
    httpd_ws_frame_t message = {
        .final = true,
        .type = HTTPD_WS_TYPE_BINARY,
        .payload = (uint8_t *)(uintptr_t)frame.data,
        .len = frame.len,
    };
    const esp_err_t err = httpd_ws_send_frame_async(server, fd, &message);
    frame_source_release(s_source, &frame);
    if (err == ESP_OK) {
        client->frames++;
        atomic_fetch_add(&s_frames, 1);
    } else {
        httpd_sess_trigger_close(server, fd); /* half a message may be out: nothing more can follow it */
    }
}

/* In the server's task, so no session comes or goes meanwhile. */
static void push(void *arg)
{
    (void)arg;
    httpd_handle_t server = httpd_graceful_stop_server(s_server);
    int fds[STREAM_MAX_CLIENTS];
    size_t count = STREAM_MAX_CLIENTS;
    if (server != NULL && httpd_get_client_list(server, &count, fds) == ESP_OK) {
        for (size_t i = 0; i < count && !httpd_graceful_stop_stopping(s_server); i++) {
            if (httpd_ws_get_fd_info(server, fds[i]) == HTTPD_WS_CLIENT_WEBSOCKET) {
                push_to(server, fds[i]);
            }
        }
    }
    atomic_store(&s_queued, false);
}

static void cancel(void *arg)
{
    (void)arg;
    atomic_store(&s_queued, false);
}

static void queue_push(void)
{
    if (atomic_load(&s_queued) || httpd_graceful_stop_lease(s_server) != ESP_OK) {
        return;
    }
    atomic_store(&s_queued, true);
    if (httpd_graceful_stop_queue_work(s_server, push, cancel, NULL) != ESP_OK) {
        atomic_store(&s_queued, false);
    }
    httpd_graceful_stop_release(s_server);
}

/* A frame interval while there are clients; else until one comes, whose first frame then goes out at once. */
static void wait_for_frame(TickType_t *woken)
{
    if (atomic_load(&s_count) > 0) {
        vTaskDelayUntil(woken, pdMS_TO_TICKS(settings()->frame_ms));
    } else {
        ulTaskNotifyTake(pdTRUE, pdMS_TO_TICKS(IDLE_MS));
        *woken = xTaskGetTickCount();
    }
}

static void producer_task(void *arg)
{
    (void)arg;
    TickType_t woken = xTaskGetTickCount();
    for (;;) {
        wait_for_frame(&woken);
        xSemaphoreTake(s_producing, portMAX_DELAY);
        queue_push();
        xSemaphoreGive(s_producing);
    }
}

/* Called with the handshake too, on the versions that do so. What clients say is read and dropped. */
static esp_err_t ws_handler(httpd_req_t *req)
{
    if (req->method == HTTP_GET) {
        client_of(req->handle, httpd_req_to_sockfd(req));
        xTaskNotifyGive(s_producer);
        return ESP_OK;
    }
    uint8_t message[MESSAGE_MAX];
    httpd_ws_frame_t frame = {.payload = message};
    esp_err_t err = httpd_ws_recv_frame(req, &frame, 0); /* its length alone */
    if (err == ESP_OK && frame.len > 0) {
        err = frame.len <= sizeof(message) ? httpd_ws_recv_frame(req, &frame, frame.len) : ESP_ERR_INVALID_SIZE;
    }
    return err;
}

esp_err_t websocket_init(httpd_graceful_stop_handle_t server)
{
    s_server = server;
    s_producing = xSemaphoreCreateMutex();
    ESP_RETURN_ON_FALSE(s_producing != NULL, ESP_ERR_NO_MEM, TAG, "no memory");
    ESP_RETURN_ON_ERROR(frame_source_open(settings()->frame_bytes, &s_source), TAG, "frames");
    ESP_RETURN_ON_FALSE(
        xTaskCreate(producer_task, "ws_producer", STACK_BYTES, NULL, PRIORITY_WS_PRODUCER, &s_producer) == pdPASS,
        ESP_ERR_NO_MEM, TAG, "no memory");
    return ESP_OK;
}

esp_err_t websocket_register(void)
{
    static const httpd_uri_t WS_URI = {.uri = "/ws", .method = HTTP_GET, .handler = ws_handler, .is_websocket = true};
    return httpd_graceful_stop_register_uri_handler(s_server, &WS_URI);
}

void websocket_counts(stream_kind_counts_t *out)
{
    out->now = atomic_load(&s_count);
    out->served = atomic_load(&s_served);
    out->frames = atomic_load(&s_frames);
}

void websocket_cease(void)
{
    xSemaphoreTake(s_producing, portMAX_DELAY);
}
