/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The promises that matter most, on whatever this is built for: a chip, an emulator, ESP-IDF's linux target, the native
 * board.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
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
#include "unity.h"

#include "httpd_graceful_stop.h"

#define PORT        8080
#define DRAIN_MS    500
#define SHUTDOWN_MS 500
#define STOP_MS     500
#define SLACK_MS    200
#define CYCLES      20
#define LAST_CHUNK  "--end--\r\n0\r\n\r\n"

static httpd_graceful_stop_handle_t gs;
static _Atomic unsigned parts_sent;

/* ---- Server ----------------------------------------------------------------------------------------------------- */

static esp_err_t send_part(httpd_req_t *req)
{
    static const char part[2048];
    esp_err_t err = httpd_resp_send_chunk(req, part, sizeof(part));
    atomic_fetch_add(&parts_sent, 1);
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
    httpd_graceful_stop_config_t limits = HTTPD_GRACEFUL_STOP_CONFIG_DEFAULT();
    limits.drain_ms = DRAIN_MS;
    limits.shutdown_ms = SHUTDOWN_MS;
    limits.stop_ms = STOP_MS;
    TEST_ASSERT_EQUAL(ESP_OK, httpd_graceful_stop_create(&limits, &gs));
    httpd_config_t config = HTTPD_DEFAULT_CONFIG();
    config.server_port = PORT;
    config.send_wait_timeout = 5;
    config.max_open_sockets = 4;
#if HOST_SOCKETS /* whose FreeRTOS takes a task that the host blocks for one that runs, and ever so long */
    config.task_priority = uxTaskPriorityGet(NULL);
#endif
    TEST_ASSERT_EQUAL(ESP_OK, httpd_graceful_stop_start(gs, &config));
    const httpd_uri_t stream = {.uri = "/stream", .method = HTTP_GET, .handler = on_stream};
    const httpd_uri_t deaf = {.uri = "/deaf", .method = HTTP_GET, .handler = on_deaf};
    TEST_ASSERT_EQUAL(ESP_OK, httpd_graceful_stop_register_uri_handler(gs, &stream));
    TEST_ASSERT_EQUAL(ESP_OK, httpd_graceful_stop_register_uri_handler(gs, &deaf));
}

static httpd_graceful_stop_report_t stop(void)
{
    httpd_graceful_stop_report_t report;
    TEST_ASSERT_EQUAL(ESP_OK, httpd_graceful_stop_stop(gs, &report));
    TEST_ASSERT_TRUE(report.total_ms <= DRAIN_MS + SHUTDOWN_MS + STOP_MS + SLACK_MS);
    TEST_ASSERT_EQUAL(0, report.remaining);
    TEST_ASSERT_NULL(httpd_graceful_stop_server(gs));
    TEST_ASSERT_EQUAL(ESP_OK, httpd_graceful_stop_delete(gs));
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
    TEST_ASSERT_TRUE(fd >= 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    TEST_ASSERT_EQUAL(0, connect(fd, (struct sockaddr *)&to, sizeof(to)));
    char request[64];
    int len = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: chip\r\n\r\n", path);
    TEST_ASSERT_EQUAL(len, send(fd, request, len, 0));
    return fd;
}

/* As recv(). It lets the others run meanwhile, on the linux target too, where a tick interrupts the host's calls. */
static int read_some(int fd, char *bytes, size_t size)
{
    for (;;) {
        int got = recv(fd, bytes, size, MSG_DONTWAIT);
        if (got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
            return got;
        }
        vTaskDelay(1);
    }
}

static void read_task(void *arg)
{
    client_t *client = arg;
    char bytes[512];
    int got;
    while ((got = read_some(client->fd, bytes, sizeof(bytes))) > 0) {
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
    TEST_ASSERT_EQUAL(pdPASS, xTaskCreate(read_task, "client", 4096, client, 5, NULL));
    for (int i = 0; i < 300 && atomic_load(&client->received) < 8192; i++) {
        vTaskDelay(1);
    }
    TEST_ASSERT_TRUE(atomic_load(&client->received) >= 8192);
}

static void end_reading(client_t *client)
{
    TEST_ASSERT_TRUE(xSemaphoreTake(client->ended, pdMS_TO_TICKS(3000)));
    close(client->fd);
    vSemaphoreDelete(client->ended);
}

/* ---- Tests ------------------------------------------------------------------------------------------------------ */

TEST_CASE("a stream that asks ends whole", "[graceful_stop]")
{
    client_t client;
    start();
    begin_reading(&client, "/stream");
    httpd_graceful_stop_report_t report = stop();
    end_reading(&client);
    TEST_ASSERT_EQUAL_STRING(LAST_CHUNK, client.tail);
    TEST_ASSERT_EQUAL(0, report.forced_count);
    TEST_ASSERT_TRUE(report.phase_ms[HTTPD_GRACEFUL_STOP_DRAIN] < DRAIN_MS);
}

TEST_CASE("a stream that does not ask is cut", "[graceful_stop]")
{
    client_t client;
    start();
    begin_reading(&client, "/deaf");
    httpd_graceful_stop_report_t report = stop();
    end_reading(&client);
    TEST_ASSERT_EQUAL(1, report.forced_count);
    TEST_ASSERT_TRUE(report.phase_ms[HTTPD_GRACEFUL_STOP_DRAIN] >= DRAIN_MS);
}

#if !HOST_SOCKETS /* where no send() blocks for longer than a tick */
TEST_CASE("a stalled client is cut", "[graceful_stop]")
{
    start();
    int fd = connect_to_server("/stream");
    unsigned sent;
    do { /* until all buffers are full, and the handler is blocked in send() */
        sent = atomic_load(&parts_sent);
        vTaskDelay(pdMS_TO_TICKS(300));
    } while (sent != atomic_load(&parts_sent));
    TEST_ASSERT_EQUAL(1, stop().forced_count);
    close(fd);
}
#endif

TEST_CASE("a late client is refused", "[graceful_stop]")
{
    client_t client;
    start();
    begin_reading(&client, "/stream");
    int late = connect_to_server("/stream"); /* waits behind the first one */
    stop();
    end_reading(&client);
    char byte;
    TEST_ASSERT_TRUE(read_some(late, &byte, 1) <= 0);
    close(late);
}

#if HOST_SOCKETS
static bool took_memory_and_gave_it_back(const httpd_graceful_stop_report_t *report)
{
    (void)report; /* nobody counts the heap there */
    return true;
}
#else
/* As much is free as was at best, but for a packet that may be under way. IDLE may be late in freeing a server's stack.
 */
static bool took_memory_and_gave_it_back(const httpd_graceful_stop_report_t *report)
{
    static size_t best_bytes = 256;
    for (int i = 0; i < 100 && heap_caps_get_free_size(MALLOC_CAP_DEFAULT) < best_bytes - 256; i++) {
        vTaskDelay(1);
    }
    const bool back = heap_caps_get_free_size(MALLOC_CAP_DEFAULT) >= best_bytes - 256;
    best_bytes = report->heap_after > best_bytes ? report->heap_after : best_bytes;
    return back && report->heap_after > report->heap_before;
}
#endif

TEST_CASE("cycles leave nothing behind", "[graceful_stop]")
{
    for (int i = 0; i < CYCLES; i++) {
        start();
        httpd_graceful_stop_report_t report = stop();
        TEST_ASSERT_TRUE(took_memory_and_gave_it_back(&report));
    }
}

void app_main(void)
{
    ESP_ERROR_CHECK(esp_netif_init());
    ESP_ERROR_CHECK(esp_event_loop_create_default());
    UNITY_BEGIN();
    unity_run_all_tests();
    UNITY_END();
}
