/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A TLS server (esp_https_server) behind the component, started by httpd_graceful_stop_start_with(): its clients end
 * as those of a plain one do, and the one thing that differs is shown, a client that is silent in the middle of its
 * handshake. Up to ESP-IDF 5.4 nothing ends that, and nobody is told of the socket before it is over.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "board_test.h"
#include "client.h"
#include "esp_event.h"
#include "esp_heap_caps.h"
#include "esp_timer.h"
#include "tls_client.h"
#include "tls_server.h"

#define LIMITS_MS (DRAIN_MS + SHUTDOWN_MS + STOP_MS + SLACK_MS)
#define GET(path) "GET " path " HTTP/1.1\r\nHost: board\r\n\r\n"

static tls_client_t *connect_tls(const char *request)
{
    return tls_client_connect(PORT, tls_server_identity.certificate, tls_server_identity.certificate_size, request);
}

static bool ends_with(const tls_client_t *client, const char *text)
{
    return strcmp(client->tail + TLS_CLIENT_TAIL - strlen(text), text) == 0;
}

/* ---- Clients that have shaken hands ----------------------------------------------------------------------------- */

static void reading_stream_ends_on_a_whole_frame(void)
{
    tls_server_start();
    tls_client_t *client = connect_tls(GET("/stream"));
    tls_client_read(client);
    TEST_TRUE(tls_client_wait_received(client, 20000, PATIENCE_MS));
    httpd_graceful_stop_report_t report = server_stop_ok();
    TEST_TRUE(tls_client_wait_end(client, PATIENCE_MS));
    TEST_EQ(0, atomic_load(&client->last));
    TEST_TRUE(ends_with(client, STREAM_END));
    TEST_EQ(1, report.sessions);
    TEST_EQ(0, report.forced_count);
    CHECK_DRAINED(report, PROMPT_MS);
    tls_client_close(client);
    server_end();
}

static void deaf_stream_is_cut_at_the_drain_limit(void)
{
    tls_server_start();
    tls_client_t *client = connect_tls(GET("/deaf"));
    tls_client_read(client);
    TEST_TRUE(tls_client_wait_received(client, 20000, PATIENCE_MS));
    httpd_graceful_stop_report_t report = server_stop_ok();
    TEST_TRUE(tls_client_wait_end(client, PATIENCE_MS));
    TEST_EQ(1, report.forced_count);
    IN_TIME(DRAIN_MS, DRAIN_MS + POLL_MS, report.phase_ms[0] + report.phase_ms[1]);
    tls_client_close(client);
    server_end();
}

static void stalled_reader_is_forced_at_the_drain_limit(void)
{
    tls_server_start();
    tls_client_t *client = connect_tls(GET("/stream"));
    wait_for_stall();
    httpd_graceful_stop_report_t report = server_stop_ok();
    TEST_EQ(1, report.forced_count);
    CHECK_CUT(report);
    tls_client_close(client);
    server_end();
}

static void idle_clients_cost_nothing(void)
{
    tls_server_start();
    tls_client_t *clients[3];
    for (int i = 0; i < 3; i++) {
        clients[i] = connect_tls(i == 0 ? GET("/hello") : "");
        tls_client_read(clients[i]);
    }
    TEST_TRUE(tls_client_wait_received(clients[0], 60, PATIENCE_MS));
    httpd_graceful_stop_report_t report = server_stop_ok();
    TEST_EQ(3, report.sessions);
    TEST_EQ(0, report.forced_count);
    CHECK_DRAINED(report, PROMPT_MS);
    for (int i = 0; i < 3; i++) {
        TEST_TRUE(tls_client_wait_end(clients[i], PATIENCE_MS));
        tls_client_close(clients[i]);
    }
    server_end();
}

static void websocket_gets_close_1001(void)
{
    static const char close_1001[] = {(char)0x88, 2, 1001 >> 8, (char)(1001 & 0xff)};
    tls_server_start();
    tls_client_t *client =
        connect_tls("GET /ws HTTP/1.1\r\nHost: board\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                    "Sec-WebSocket-Version: 13\r\n\r\n");
    tls_client_read(client);
    TEST_TRUE(tls_client_wait_received(client, 100, PATIENCE_MS));
    vTaskDelay(pdMS_TO_TICKS(50));
    httpd_graceful_stop_report_t report = server_stop_ok();
    TEST_TRUE(tls_client_wait_end(client, PATIENCE_MS));
    TEST_EQ(1, report.websockets);
    TEST_TRUE(memcmp(client->tail + TLS_CLIENT_TAIL - sizeof(close_1001), close_1001, sizeof(close_1001)) == 0);
    tls_client_close(client);
    server_end();
}

/* It is decrypted already: nobody but TLS knows of it until the server looks at the session again. */
static void buffered_request_does_not_start_a_handler(void)
{
    tls_server_start();
    tls_client_t *client = connect_tls(GET("/hello") GET("/hello"));
    tls_client_read(client);
    TEST_TRUE(tls_client_wait_received(client, 60, PATIENCE_MS));
    TEST_EQ(1, atomic_load(&handlers_run));
    server_stop_ok();
    TEST_EQ(1, atomic_load(&handlers_run));
    TEST_TRUE(tls_client_wait_end(client, PATIENCE_MS));
    tls_client_close(client);
    server_end();
}

static void ten_starts_and_stops_cost_no_heap(void)
{
    tls_server_start();
    server_stop_ok();
    size_t free_bytes = 0;
    for (int round = 0; round < 10; round++) {
        tls_server_start_again();
        tls_client_t *client = connect_tls(GET("/stream"));
        tls_client_read(client);
        TEST_TRUE(tls_client_wait_received(client, 20000, PATIENCE_MS));
        server_stop_ok();
        tls_client_close(client);
        expire_closing_connections();
        vTaskDelay(pdMS_TO_TICKS(50)); /* IDLE frees the stacks */
        size_t now = heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
        if (round == 1) {
            free_bytes = now;
        }
    }
    TEST_WITHIN(free_bytes - 512, free_bytes + 512, heap_caps_get_free_size(MALLOC_CAP_DEFAULT));
    server_end();
}

/* ---- Clients that have not -------------------------------------------------------------------------------------- */

ESP_EVENT_DEFINE_BASE(TEST_EVENT);

static SemaphoreHandle_t loop_held, loop_goes_on;

static void hold_the_loop(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    (void)arg;
    (void)base;
    (void)id;
    (void)data;
    xSemaphoreGive(loop_held);
    xSemaphoreTake(loop_goes_on, portMAX_DELAY);
}

/*
 * open_fn with an error makes the server close the fd twice: in close_fn, and by itself. In between it posts an event;
 * here it has to wait for room with that, and meanwhile somebody else gets a socket.
 */
static void failed_handshake_closes_nobody_elses_socket(void)
{
    tls_server_start();
    loop_held = xSemaphoreCreateBinary();
    loop_goes_on = xSemaphoreCreateBinary();
    TEST_EQ(ESP_OK, esp_event_handler_register(TEST_EVENT, 1, hold_the_loop, NULL));
    const int before = sockets_free();
    TEST_EQ(ESP_OK, esp_event_post(TEST_EVENT, 1, NULL, 0, portMAX_DELAY));
    TEST_TRUE(xSemaphoreTake(loop_held, pdMS_TO_TICKS(PATIENCE_MS)) == pdTRUE);
    for (int room = CONFIG_ESP_SYSTEM_EVENT_QUEUE_SIZE; room > 1; room--) { /* one for the event that tells the error */
        TEST_EQ(ESP_OK, esp_event_post(TEST_EVENT, 2, NULL, 0, 0));
    }
    client_t *client = client_connect(PORT, "GET / HTTP/1.1\r\n\r\n");
    vTaskDelay(pdMS_TO_TICKS(100));
    int others[2] = {socket(AF_INET, SOCK_DGRAM, 0), socket(AF_INET, SOCK_DGRAM, 0)};
    xSemaphoreGive(loop_goes_on);
    TEST_TRUE(client_wait_end(client, PATIENCE_MS));
    client_close(client);
    vTaskDelay(pdMS_TO_TICKS(50));
    for (int i = 0; i < 2; i++) {
        TEST_EQ(0, close(others[i])); /* still its owner's */
    }
    TEST_EQ(before, sockets_free());
    TEST_EQ(ESP_OK, esp_event_handler_unregister(TEST_EVENT, 1, hold_the_loop));
    vSemaphoreDelete(loop_held);
    vSemaphoreDelete(loop_goes_on);
    server_stop_ok();
    server_end();
}

static void silent_in_the_handshake(const char *first_bytes)
{
    tls_server_start();
    client_t *silent = client_connect(PORT, first_bytes);
    vTaskDelay(pdMS_TO_TICKS(50));
    for (int attempt = 0; attempt < 2; attempt++) {
        httpd_graceful_stop_report_t report;
        int64_t since_us = esp_timer_get_time();
        TEST_EQ(ESP_ERR_TIMEOUT, httpd_graceful_stop_stop(gs, &report));
        IN_TIME(0, LIMITS_MS, (esp_timer_get_time() - since_us) / 1000);
        TEST_EQ(ESP_ERR_TIMEOUT, report.err);
    }
    client_close(silent);
    server_stop_ok();
    tls_server_start_again();
    server_stop_ok();
    server_end();
}

static void silent_client_is_a_timeout_and_a_retry_works(void)
{
    silent_in_the_handshake("");
}

static void half_a_hello_is_a_timeout_and_a_retry_works(void)
{
    silent_in_the_handshake("\x16\x03\x01");
}

static void leave(void *arg)
{
    vTaskDelay(pdMS_TO_TICKS(DRAIN_MS / 2));
    client_close(arg);
    vTaskDelete(NULL);
}

static void silent_client_that_leaves_meanwhile_is_no_timeout(void)
{
    tls_server_start();
    client_t *silent = client_connect(PORT, "");
    vTaskDelay(pdMS_TO_TICKS(50));
    TEST_TRUE(xTaskCreate(leave, "leave", 4096, silent, 5, NULL) == pdPASS);
    server_stop_ok();
    server_end();
}

/* ---- All at once ------------------------------------------------------------------------------------------------ */

static void reading_stalled_and_idle_together(void)
{
    tls_server_start();
    tls_client_t *idle = connect_tls("");
    tls_client_t *waiting = connect_tls("");
    tls_client_t *stalled = connect_tls(GET("/stream")); /* holds the server's task */
    wait_for_stall();
    tls_client_send(waiting, GET("/hello"), strlen(GET("/hello")));
    httpd_graceful_stop_report_t report = server_stop_ok();
    TEST_EQ(3, report.sessions);
    TEST_EQ(1, report.forced_count);
    TEST_EQ(0, atomic_load(&handlers_run));
    IN_TIME(DRAIN_MS, DRAIN_MS + POLL_MS, report.phase_ms[0] + report.phase_ms[1]);
    tls_client_t *clients[] = {idle, waiting, stalled};
    for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
        TEST_TRUE(tls_client_wait_end(clients[i], PATIENCE_MS));
        tls_client_close(clients[i]);
    }
    server_end();
}

/* ---- From the event loop, which the TLS server posts an event to for each receive and send ------------------------
 */

static _Atomic int loop_result;

static void stop_in_the_loop(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    (void)arg;
    (void)base;
    (void)id;
    (void)data;
    atomic_store(&loop_result, httpd_graceful_stop_stop(gs, NULL));
}

static esp_err_t stop_from_the_event_loop(void)
{
    TEST_EQ(ESP_OK, esp_event_handler_register(TEST_EVENT, 0, stop_in_the_loop, NULL));
    atomic_store(&loop_result, -1);
    int64_t since_us = esp_timer_get_time();
    TEST_EQ(ESP_OK, esp_event_post(TEST_EVENT, 0, NULL, 0, portMAX_DELAY));
    while (atomic_load(&loop_result) == -1) {
        IN_TIME(0, LIMITS_MS + 200, (esp_timer_get_time() - since_us) / 1000);
        vTaskDelay(1);
    }
    TEST_EQ(ESP_OK, esp_event_handler_unregister(TEST_EVENT, 0, stop_in_the_loop));
    return atomic_load(&loop_result);
}

static void stop_from_the_event_loop_does_not_deadlock(void)
{
    tls_server_start();
    tls_client_t *client = connect_tls(GET("/stream"));
    tls_client_read(client);
    TEST_TRUE(tls_client_wait_received(client, 20000, PATIENCE_MS));
    TEST_EQ(ESP_OK, stop_from_the_event_loop());
    TEST_TRUE(tls_client_wait_end(client, PATIENCE_MS));
    tls_client_close(client);
    server_end();
}

/*
 * The loop stands still while it stops the server. A handler that goes on sending fills the loop's queue, and then
 * every send waits 2 s for room (CONFIG_ESP_HTTPS_SERVER_EVENT_POST_TIMEOUT), longer than the limits here.
 */
static void deaf_stream_stopped_from_the_event_loop_is_a_timeout(void)
{
    tls_server_start();
    tls_client_t *client = connect_tls(GET("/deaf"));
    tls_client_read(client);
    TEST_TRUE(tls_client_wait_received(client, 20000, PATIENCE_MS));
    TEST_EQ(ESP_ERR_TIMEOUT, stop_from_the_event_loop());
    server_stop_ok(); /* from here, so that the loop runs */
    TEST_TRUE(tls_client_wait_end(client, PATIENCE_MS));
    tls_client_close(client);
    server_end();
}

void app_main(void)
{
    network_up();
    tls_identity_make(&tls_server_identity);
    TIMED_RUN(reading_stream_ends_on_a_whole_frame);
    TIMED_RUN(deaf_stream_is_cut_at_the_drain_limit);
    TIMED_RUN(stalled_reader_is_forced_at_the_drain_limit);
    TIMED_RUN(idle_clients_cost_nothing);
    TIMED_RUN(websocket_gets_close_1001);
    TIMED_RUN(buffered_request_does_not_start_a_handler);
    TIMED_RUN(ten_starts_and_stops_cost_no_heap);
    TIMED_RUN(failed_handshake_closes_nobody_elses_socket);
    TIMED_RUN(silent_client_is_a_timeout_and_a_retry_works);
    TIMED_RUN(half_a_hello_is_a_timeout_and_a_retry_works);
    TIMED_RUN(silent_client_that_leaves_meanwhile_is_no_timeout);
    TIMED_RUN(reading_stalled_and_idle_together);
    TIMED_RUN(stop_from_the_event_loop_does_not_deadlock);
    TIMED_RUN(deaf_stream_stopped_from_the_event_loop_is_a_timeout);
    TEST_END();
}
