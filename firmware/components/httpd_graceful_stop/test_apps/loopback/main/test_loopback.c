/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The promises that matter most, on whatever this is built for: a chip, an emulator, the native board. A check that
 * fails aborts.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "esp_event.h"
#include "esp_heap_caps.h"
#include "esp_netif.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"

#include "httpd_graceful_stop.h"

#define PORT        8080
#define DRAIN_MS    500
#define SHUTDOWN_MS 500
#define STOP_MS     500
#define SLACK_MS    200
#define CYCLES      20
#define LAST_CHUNK  "--end--\r\n0\r\n\r\n"

#define CHECK(condition)                                                   \
    do {                                                                   \
        if (!(condition)) {                                                \
            printf("FAILED: %s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                       \
        }                                                                  \
    } while (0)

static httpd_graceful_stop_handle_t gs;

/* ---- Server ----------------------------------------------------------------------------------------------------- */

static esp_err_t send_part(httpd_req_t *req)
{
    static const char part[2048];
    esp_err_t err = httpd_resp_send_chunk(req, part, sizeof(part));
    vTaskDelay(1);
    return err;
}

static esp_err_t on_stream(httpd_req_t *req)
{
    while (!httpd_graceful_stop_requested(req)) {
        if (send_part(req) != ESP_OK) {
            return ESP_FAIL;
        }
    }
    esp_err_t err = httpd_resp_sendstr_chunk(req, "--end--");
    return err == ESP_OK ? httpd_resp_send_chunk(req, NULL, 0) : err;
}

static esp_err_t on_deaf(httpd_req_t *req)
{
    while (send_part(req) == ESP_OK) {
    }
    return ESP_FAIL;
}

static void start(void)
{
    httpd_config_t config = HTTPD_DEFAULT_CONFIG();
    config.server_port = PORT;
    config.send_wait_timeout = 5;
    config.max_open_sockets = 4;
    CHECK(httpd_graceful_stop_start(gs, &config) == ESP_OK);
    const httpd_uri_t stream = {.uri = "/stream", .method = HTTP_GET, .handler = on_stream};
    const httpd_uri_t deaf = {.uri = "/deaf", .method = HTTP_GET, .handler = on_deaf};
    CHECK(httpd_graceful_stop_register_uri_handler(gs, &stream) == ESP_OK);
    CHECK(httpd_graceful_stop_register_uri_handler(gs, &deaf) == ESP_OK);
}

static httpd_graceful_stop_report_t stop(void)
{
    httpd_graceful_stop_report_t report;
    CHECK(httpd_graceful_stop_stop(gs, &report) == ESP_OK);
    CHECK(report.total_ms <= DRAIN_MS + SHUTDOWN_MS + STOP_MS + SLACK_MS);
    CHECK(report.remaining == 0);
    CHECK(httpd_graceful_stop_server(gs) == NULL);
    return report;
}

/* ---- Client ----------------------------------------------------------------------------------------------------- */

typedef struct {
    int fd;
    _Atomic int received;
    char tail[sizeof(LAST_CHUNK)]; /* the last bytes; to be read when it has ended */
    SemaphoreHandle_t ended;
} client_t;

static int connect_to_server(const char *path)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
    char request[64];
    int len = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: chip\r\n\r\n", path);
    CHECK(send(fd, request, len, 0) == len);
    return fd;
}

static void read_task(void *arg)
{
    client_t *client = arg;
    char bytes[512];
    int got;
    while ((got = recv(client->fd, bytes, sizeof(bytes), 0)) > 0) {
        for (int i = 0; i < got; i++) {
            memmove(client->tail, client->tail + 1, sizeof(client->tail) - 2);
            client->tail[sizeof(client->tail) - 2] = bytes[i];
        }
        atomic_fetch_add(&client->received, got);
    }
    xSemaphoreGive(client->ended);
    vTaskDelete(NULL);
}

static void begin_reading(client_t *client, const char *path)
{
    memset(client, 0, sizeof(*client));
    client->ended = xSemaphoreCreateBinary();
    client->fd = connect_to_server(path);
    CHECK(xTaskCreate(read_task, "client", 4096, client, 5, NULL) == pdPASS);
    for (int i = 0; i < 300 && atomic_load(&client->received) < 8192; i++) {
        vTaskDelay(1);
    }
    CHECK(atomic_load(&client->received) >= 8192);
}

static void end_reading(client_t *client)
{
    CHECK(xSemaphoreTake(client->ended, pdMS_TO_TICKS(3000)) == pdTRUE);
    close(client->fd);
    vSemaphoreDelete(client->ended);
}

/* ---- Tests ------------------------------------------------------------------------------------------------------ */

static void stream_that_asks_ends_whole(void)
{
    client_t client;
    start();
    begin_reading(&client, "/stream");
    httpd_graceful_stop_report_t report = stop();
    end_reading(&client);
    CHECK(strcmp(client.tail, LAST_CHUNK) == 0);
    CHECK(report.forced_count == 0);
    CHECK(report.phase_ms[HTTPD_GRACEFUL_STOP_DRAIN] < DRAIN_MS);
}

static void stream_that_does_not_ask_is_cut(void)
{
    client_t client;
    start();
    begin_reading(&client, "/deaf");
    httpd_graceful_stop_report_t report = stop();
    end_reading(&client);
    CHECK(report.forced_count == 1);
    CHECK(report.phase_ms[HTTPD_GRACEFUL_STOP_DRAIN] >= DRAIN_MS);
}

static void stalled_client_is_cut(void)
{
    start();
    int fd = connect_to_server("/stream");
    vTaskDelay(pdMS_TO_TICKS(1000)); /* all buffers are full by then, and the handler blocked in send() */
    CHECK(stop().forced_count == 1);
    close(fd);
}

static void late_client_is_refused(void)
{
    client_t client;
    start();
    begin_reading(&client, "/stream");
    int late = connect_to_server("/stream"); /* waits behind the first one */
    stop();
    end_reading(&client);
    char byte;
    CHECK(recv(late, &byte, 1, 0) <= 0);
    close(late);
}

/* IDLE may be late in freeing a server's stack, but it frees it. */
static bool comes_back(size_t heap_bytes)
{
    for (int i = 0; i < 100 && heap_caps_get_free_size(MALLOC_CAP_DEFAULT) < heap_bytes; i++) {
        vTaskDelay(1);
    }
    return heap_caps_get_free_size(MALLOC_CAP_DEFAULT) >= heap_bytes;
}

/* After each cycle as much is free as was at best, but for a packet that may be under way. */
static void cycles_leave_nothing_behind(void)
{
    size_t best_bytes = 0;
    for (int i = 0; i < CYCLES; i++) {
        start();
        httpd_graceful_stop_report_t report = stop();
        CHECK(report.heap_after > report.heap_before);
        CHECK(best_bytes == 0 || comes_back(best_bytes - 256));
        best_bytes = report.heap_after > best_bytes ? report.heap_after : best_bytes;
    }
}

static void run(const char *name, void (*test)(void))
{
    test();
    printf("passed: %s\n", name);
}

void app_main(void)
{
    CHECK(esp_netif_init() == ESP_OK);
    CHECK(esp_event_loop_create_default() == ESP_OK);
    httpd_graceful_stop_config_t limits = HTTPD_GRACEFUL_STOP_CONFIG_DEFAULT();
    limits.drain_ms = DRAIN_MS;
    limits.shutdown_ms = SHUTDOWN_MS;
    limits.stop_ms = STOP_MS;
    CHECK(httpd_graceful_stop_create(&limits, &gs) == ESP_OK);
    run("stream_that_asks_ends_whole", stream_that_asks_ends_whole);
    run("stream_that_does_not_ask_is_cut", stream_that_does_not_ask_is_cut);
    run("stalled_client_is_cut", stalled_client_is_cut);
    run("late_client_is_refused", late_client_is_refused);
    run("cycles_leave_nothing_behind", cycles_leave_nothing_behind);
    CHECK(httpd_graceful_stop_delete(gs) == ESP_OK);
    printf("all passed\n");
}
