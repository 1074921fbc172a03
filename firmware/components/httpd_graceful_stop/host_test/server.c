/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * See server.h.
 */
#include "server.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "esp_event.h"
#include "esp_netif.h"
#include "esp_timer.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcpip.h"

httpd_graceful_stop_handle_t gs;
_Atomic unsigned frame_ms = 10;
_Atomic bool never_release;
_Atomic unsigned handlers_run;
_Atomic bool memory_may_fail;
_Atomic bool filled;
esp_err_t (*server_stop_fn)(httpd_handle_t) = httpd_stop;

void network_up(void)
{
    in_time_watch();
    TEST_EQ(ESP_OK, esp_netif_init());
    TEST_EQ(ESP_OK, esp_event_loop_create_default());
}

static _Atomic unsigned sending; /* frames whose send has not returned */

static esp_err_t send_frame(httpd_req_t *req)
{
    static char frame[4096];
    memset(frame, '.', sizeof(frame));
    memcpy(frame + sizeof(frame) - strlen(FRAME_END), FRAME_END, strlen(FRAME_END));
    atomic_fetch_add(&sending, 1);
    esp_err_t err = httpd_resp_send_chunk(req, frame, sizeof(frame));
    atomic_fetch_sub(&sending, 1);
    return err;
}

esp_err_t stream_frames(httpd_req_t *req)
{
    while (!httpd_graceful_stop_requested(req)) {
        if (send_frame(req) != ESP_OK) {
            return ESP_FAIL;
        }
        vTaskDelay(pdMS_TO_TICKS(atomic_load(&frame_ms)));
    }
    esp_err_t err = httpd_resp_sendstr_chunk(req, "--end of stream--");
    return err == ESP_OK ? httpd_resp_send_chunk(req, NULL, 0) : err;
}

static esp_err_t on_stream(httpd_req_t *req)
{
    return stream_frames(req);
}

static esp_err_t on_dropin(httpd_req_t *req)
{
    while (send_frame(req) == ESP_OK) {
        vTaskDelay(pdMS_TO_TICKS(atomic_load(&frame_ms)));
    }
    return ESP_FAIL;
}

static esp_err_t on_never(httpd_req_t *req)
{
    httpd_resp_sendstr_chunk(req, "inside");
    while (!atomic_load(&never_release)) {
        httpd_resp_sendstr_chunk(req, "still inside"); /* and its error is ignored */
        vTaskDelay(1);
    }
    return ESP_FAIL;
}

static esp_err_t on_spin(httpd_req_t *req)
{
    httpd_resp_sendstr_chunk(req, "inside");
    while (!atomic_load(&never_release)) {
    }
    return ESP_FAIL;
}

static void worker(httpd_req_t *copy, esp_err_t (*handler)(httpd_req_t *))
{
    handler(copy);
    esp_err_t err = httpd_graceful_stop_async_complete(copy);
    TEST_TRUE(err == ESP_OK || atomic_load(&memory_may_fail)); /* the message that wakes the server needs some */
    vTaskDelete(NULL);
}

static void polite_worker(void *arg)
{
    worker(arg, stream_frames);
}

static void late_worker(void *arg)
{
    worker(arg, on_dropin);
}

static void stray_worker(void *arg)
{
    worker(arg, on_never);
}

static esp_err_t hand_over(httpd_req_t *req, TaskFunction_t work)
{
    httpd_req_t *copy = NULL;
    esp_err_t err = httpd_graceful_stop_async_begin(req, &copy);
    if (err == ESP_OK && xTaskCreate(work, "worker", 4096, copy, 5, NULL) != pdPASS) {
        httpd_graceful_stop_async_complete(copy);
        err = ESP_ERR_NO_MEM;
    }
    return err;
}

static esp_err_t on_async(httpd_req_t *req)
{
    return hand_over(req, polite_worker);
}

static esp_err_t on_late(httpd_req_t *req)
{
    return hand_over(req, late_worker);
}

static esp_err_t on_stray(httpd_req_t *req)
{
    return hand_over(req, stray_worker);
}

static esp_err_t on_hello(httpd_req_t *req)
{
    atomic_fetch_add(&handlers_run, 1);
    return httpd_resp_sendstr(req, "hello");
}

static esp_err_t on_ws(httpd_req_t *req)
{
    if (req->method == HTTP_GET) {
        return ESP_OK; /* the handshake */
    }
    uint8_t text[32] = {0};
    httpd_ws_frame_t frame = {.payload = text};
    esp_err_t err = httpd_ws_recv_frame(req, &frame, sizeof(text) - 1);
    if (err == ESP_OK && strcmp((char *)text, "fill") == 0) {
        static const char filling[512];
        while (send(httpd_req_to_sockfd(req), filling, sizeof(filling), MSG_DONTWAIT) > 0) {
        }
        atomic_store(&filled, true);
    }
    return err;
}

static void add(const char *path, esp_err_t (*handler)(httpd_req_t *), bool websocket)
{
    const httpd_uri_t uri = {.uri = path, .method = HTTP_GET, .handler = handler, .is_websocket = websocket};
    TEST_EQ(ESP_OK, httpd_graceful_stop_register_uri_handler(gs, &uri));
}

void server_start_again(void)
{
    server_start_with_close_fn(NULL);
}

esp_err_t start_plain(httpd_handle_t *out, void *config)
{
    return httpd_start(out, config);
}

void server_start_with_close_fn(httpd_close_func_t close_fn)
{
    in_time_begin();
    httpd_config_t config = HTTPD_DEFAULT_CONFIG();
    config.server_port = PORT;
    config.send_wait_timeout = 5;
    config.recv_wait_timeout = 5;
    config.close_fn = close_fn;
    config.max_uri_handlers = 16;
    if (server_stop_fn == httpd_stop) {
        TEST_EQ(ESP_OK, httpd_graceful_stop_start(gs, &config));
    } else {
        const httpd_graceful_stop_server_t server = {&config, start_plain, server_stop_fn, &config};
        TEST_EQ(ESP_OK, httpd_graceful_stop_start_with(gs, &server));
    }
    add("/stream", on_stream, false);
    add("/deaf", on_dropin, false);
    add("/never", on_never, false);
    add("/spin", on_spin, false);
    add("/async", on_async, false);
    add("/late", on_late, false);
    add("/stray", on_stray, false);
    add("/hello", on_hello, false);
    add("/ws", on_ws, true);
    const httpd_uri_t dropin = {.uri = "/dropin", .method = HTTP_GET, .handler = on_dropin};
    TEST_EQ(ESP_OK, httpd_register_uri_handler(httpd_graceful_stop_server(gs), &dropin));
}

void server_start(void)
{
    httpd_graceful_stop_config_t limits = HTTPD_GRACEFUL_STOP_CONFIG_DEFAULT();
    limits.drain_ms = DRAIN_MS;
    limits.shutdown_ms = SHUTDOWN_MS;
    limits.stop_ms = STOP_MS;
    TEST_EQ(ESP_OK, httpd_graceful_stop_create(&limits, &gs));
    atomic_store(&frame_ms, 10);
    atomic_store(&never_release, false);
    atomic_store(&filled, false);
    atomic_store(&handlers_run, 0);
    server_start_again();
}

void server_end(void)
{
    TEST_EQ(ESP_OK, httpd_graceful_stop_delete(gs));
    gs = NULL;
}

httpd_graceful_stop_report_t server_stop_ok(void)
{
    httpd_graceful_stop_report_t report;
    int64_t since_us = esp_timer_get_time();
    TEST_EQ(ESP_OK, httpd_graceful_stop_stop(gs, &report));
    IN_TIME(0, DRAIN_MS + SHUTDOWN_MS + STOP_MS + SLACK_MS, (esp_timer_get_time() - since_us) / 1000);
    TEST_EQ(PORT, report.port);
    TEST_EQ(ESP_OK, report.err);
    TEST_EQ(0, report.remaining);
    TEST_TRUE(report.heap_after > report.heap_before);
    TEST_TRUE(httpd_graceful_stop_server(gs) == NULL);
    return report;
}

static void calling_task(void *arg)
{
    caller_t *caller = arg;
    caller->err = httpd_graceful_stop_stop(gs, &caller->report);
    xSemaphoreGive(caller->done);
    vTaskDelete(NULL);
}

void caller_begin(caller_t *caller)
{
    caller->done = xSemaphoreCreateBinary();
    TEST_TRUE(xTaskCreate(calling_task, "caller", 4096, caller, 5, &caller->task) == pdPASS);
}

esp_err_t caller_end_with(caller_t *caller)
{
    TEST_TRUE(xSemaphoreTake(caller->done, pdMS_TO_TICKS(PATIENCE_MS)) == pdTRUE);
    vSemaphoreDelete(caller->done);
    return caller->err;
}

void caller_end(caller_t *caller)
{
    TEST_EQ(ESP_OK, caller_end_with(caller));
}

static void expire(void *arg)
{
    while (tcp_tw_pcbs != NULL) {
        tcp_abort(tcp_tw_pcbs);
    }
    for (struct tcp_pcb *pcb = tcp_active_pcbs, *next; pcb != NULL; pcb = next) {
        next = pcb->next;
        if (pcb->callback_arg == NULL) { /* no socket owns it any more */
            tcp_abort(pcb);
        }
    }
    xSemaphoreGive((SemaphoreHandle_t)arg);
}

void expire_closing_connections(void)
{
    SemaphoreHandle_t done = xSemaphoreCreateBinary();
    TEST_EQ(ERR_OK, tcpip_callback(expire, done));
    xSemaphoreTake(done, portMAX_DELAY);
    vSemaphoreDelete(done);
}

void wait_for_sessions(httpd_graceful_stop_handle_t server, size_t count)
{
    int fds[16];
    size_t open;
    do {
        vTaskDelay(1);
        open = sizeof(fds) / sizeof(fds[0]);
        TEST_EQ(ESP_OK, httpd_get_client_list(httpd_graceful_stop_server(server), &open, fds));
    } while (open < count);
}

void wait_for_stall(void)
{
    for (int looks = 0; looks < 15; looks++) { /* in a row; a client that reads takes a frame at once */
        vTaskDelay(1);
        if (atomic_load(&sending) == 0) {
            looks = 0;
        }
    }
}

int sockets_free(void)
{
    int fds[32], count = 0;
    while (count < 32 && (fds[count] = socket(AF_INET, SOCK_DGRAM, 0)) >= 0) {
        count++;
    }
    for (int i = 0; i < count; i++) {
        close(fds[i]);
    }
    return count;
}
