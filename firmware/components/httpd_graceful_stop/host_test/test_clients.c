/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What each kind of client sees of a stop, and how long it takes: streams, stalled readers, half requests, idle
 * connections, clients that come too late.
 */
#include <string.h>
#include <sys/socket.h>

#include "board_test.h"
#include "client.h"
#include "esp_heap_caps.h"
#include "esp_timer.h"
#include "server.h"

static bool ends_with(const client_t *client, const char *text)
{
    return strcmp(client->tail + CLIENT_TAIL - strlen(text), text) == 0;
}

/* The stream ended by itself: after a whole frame, with the closing text, the last chunk and a FIN. */
static void check_ended_whole(client_t *client)
{
    TEST_TRUE(client_wait_end(client, PATIENCE_MS));
    TEST_EQ(CLIENT_FIN, atomic_load(&client->end));
    if (!ends_with(client, STREAM_END)) {
        TEST_FAIL("the stream ended on: %.*s", CLIENT_TAIL, client->tail);
    }
}

static void no_client_costs_the_poll_alone(void)
{
    server_start();
    httpd_graceful_stop_report_t report = server_stop_ok();
    TEST_EQ(0, report.sessions);
    CHECK_DRAINED(report, PROMPT_MS);
    TEST_EQ(0, report.phase_ms[HTTPD_GRACEFUL_STOP_SHUTDOWN]);
    IN_TIME(0, POLL_MS, report.phase_ms[HTTPD_GRACEFUL_STOP_STOP]);
    server_end();
}

static void last_of_the_servers_task(void *arg)
{
    (void)arg;
    vTaskDelay(pdMS_TO_TICKS(50));
    vTaskDelete(NULL);
}

/* As if IDLE were late: in place of the server's task, whose stack may or may not be free by now, one that is not. */
static esp_err_t stop_and_leave_a_task(httpd_handle_t server)
{
    esp_err_t err = httpd_stop(server);
    TEST_TRUE(xTaskCreate(last_of_the_servers_task, "last", 4096, NULL, 5, NULL) == pdPASS);
    return err;
}

static void heap_is_measured_when_the_servers_stack_is_free(void)
{
    server_start();
    server_stop_ok();
    vTaskDelay(pdMS_TO_TICKS(100));
    size_t idle_bytes = heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
    httpd_config_t config = HTTPD_DEFAULT_CONFIG();
    config.server_port = PORT;
    const httpd_graceful_stop_server_t server = {
        .httpd = &config, .start = start_plain, .stop = stop_and_leave_a_task, .config = &config};
    TEST_EQ(ESP_OK, httpd_graceful_stop_start_with(gs, &server));
    httpd_graceful_stop_report_t report = server_stop_ok();
    if (report.heap_after >= idle_bytes - 512 || !in_time_host_was_late(50)) { /* of the 100 ms that IDLE gets */
        TEST_WITHIN(idle_bytes - 512, idle_bytes + 512, report.heap_after);
    }
    TEST_TRUE(report.heap_before < idle_bytes - 4096);
    TEST_WITHIN(1024, report.heap_after, report.largest_block);
    server_end();
}

static void reading_stream_ends_on_a_whole_frame(void)
{
    server_start();
    client_t *client = client_stream(PORT, "/stream");
    TEST_TRUE(client_wait_received(client, 20000, PATIENCE_MS));
    httpd_graceful_stop_report_t report = server_stop_ok();
    check_ended_whole(client);
    TEST_EQ(1, report.sessions);
    TEST_EQ(0, report.forced_count);
    CHECK_DRAINED(report, PROMPT_MS); /* a frame each 10 ms */
    client_close(client);
    server_end();
}

/* Its client reads, but whoever streams does not ask. */
static void stream_is_cut_at_the_drain_limit(const char *path)
{
    server_start();
    client_t *client = client_stream(PORT, path);
    TEST_TRUE(client_wait_received(client, 20000, PATIENCE_MS));
    httpd_graceful_stop_report_t report = server_stop_ok();
    TEST_TRUE(client_wait_end(client, PATIENCE_MS));
    TEST_EQ(1, report.forced_count);
    CHECK_CUT(report);
    client_close(client);
    server_end();
}

static void reading_drop_in_stream_is_cut_at_the_drain_limit(void)
{
    stream_is_cut_at_the_drain_limit("/dropin");
}

static void stalled_reader_is_forced_at_the_drain_limit(void)
{
    server_start();
    client_t *client = client_connect(PORT, "GET /stream HTTP/1.1\r\nHost: board\r\n\r\n");
    wait_for_stall();
    httpd_graceful_stop_report_t report = server_stop_ok();
    TEST_EQ(1, report.forced_count);
    CHECK_CUT(report);
    client_close(client);
    server_end();
}

static void half_a_request_is_forced_at_the_drain_limit(void)
{
    server_start();
    client_t *client = client_connect(PORT, "GET /hello HTTP/1.1\r\nHos");
    wait_for_sessions(gs, 1);
    vTaskDelay(pdMS_TO_TICKS(50)); /* and the server reads what there is */
    httpd_graceful_stop_report_t report = server_stop_ok();
    TEST_EQ(1, report.forced_count);
    TEST_EQ(0, atomic_load(&handlers_run));
    CHECK_CUT(report);
    client_close(client);
    server_end();
}

typedef struct {
    client_t *client;
    _Atomic bool stop;
    SemaphoreHandle_t done;
} loris_t;

/* A header that never ends: a byte each 100 ms, so that no receive of the server's times out. */
static void loris_task(void *arg)
{
    loris_t *loris = arg;
    while (!atomic_load(&loris->stop) && send(loris->client->fd, "x", 1, MSG_DONTWAIT) == 1) {
        vTaskDelay(pdMS_TO_TICKS(100));
    }
    xSemaphoreGive(loris->done);
    vTaskDelete(NULL);
}

static void slow_loris_is_forced_at_the_drain_limit(void)
{
    server_start();
    loris_t loris = {.client = client_connect(PORT, "GET /hello HTTP/1.1\r\nX: "), .done = xSemaphoreCreateBinary()};
    TEST_TRUE(xTaskCreate(loris_task, "loris", 4096, &loris, 5, NULL) == pdPASS);
    wait_for_sessions(gs, 1);
    vTaskDelay(pdMS_TO_TICKS(350));
    httpd_graceful_stop_report_t report = server_stop_ok();
    TEST_EQ(1, report.forced_count);
    TEST_EQ(0, atomic_load(&handlers_run));
    CHECK_CUT(report);
    atomic_store(&loris.stop, true);
    TEST_TRUE(xSemaphoreTake(loris.done, pdMS_TO_TICKS(PATIENCE_MS)) == pdTRUE);
    vSemaphoreDelete(loris.done);
    client_close(loris.client);
    server_end();
}

static void idle_keep_alive_gets_a_fin_at_once(void)
{
    server_start();
    client_t *client = client_stream(PORT, "/hello");
    TEST_EQ(1, atomic_load(&handlers_run));
    httpd_graceful_stop_report_t report = server_stop_ok();
    TEST_TRUE(client_wait_end(client, PATIENCE_MS));
    TEST_EQ(CLIENT_FIN, atomic_load(&client->end));
    TEST_EQ(0, report.forced_count);
    TEST_EQ(1, report.sessions);
    CHECK_DRAINED(report, PROMPT_MS);
    client_close(client);
    server_end();
}

static void one_served_two_waiting_all_end(void)
{
    server_start();
    client_t *served = client_stream(PORT, "/stream");
    client_t *waiting[2];
    for (int i = 0; i < 2; i++) {
        waiting[i] = client_connect(PORT, "GET /stream HTTP/1.1\r\nHost: board\r\n\r\n");
        client_read(waiting[i]);
    }
    TEST_TRUE(client_wait_received(served, 20000, PATIENCE_MS));
    httpd_graceful_stop_report_t report = server_stop_ok();
    check_ended_whole(served);
    TEST_EQ(0, report.forced_count);
    for (int i = 0; i < 2; i++) {
        TEST_TRUE(client_wait_end(waiting[i], PATIENCE_MS));
        TEST_EQ(0, atomic_load(&waiting[i]->received));
        client_close(waiting[i]);
    }
    client_close(served);
    server_end();
}

static void request_behind_a_stream_gets_503(void)
{
    server_start();
    /* One connection, both requests at once: the second is read when the first handler has returned. */
    client_t *client = client_connect(PORT, "GET /stream HTTP/1.1\r\nHost: board\r\n\r\n"
                                            "GET /hello HTTP/1.1\r\nHost: board\r\n\r\n");
    client_read(client);
    TEST_TRUE(client_wait_received(client, 8000, PATIENCE_MS));
    httpd_graceful_stop_report_t report = server_stop_ok();
    TEST_TRUE(client_wait_end(client, PATIENCE_MS));
    TEST_EQ(0, atomic_load(&handlers_run));
    TEST_TRUE(report.refused >= 1);
    TEST_EQ(0, report.forced_count);
    client_close(client);
    server_end();
}

/* While a client that does not read keeps the stop busy, others try to get in. */
static void new_client_is_refused_while_stopping(void)
{
    server_start();
    client_t *silent = client_websocket(PORT, "/ws", false); /* does not answer CLOSE: the drain limit is waited out */
    caller_t stopper;
    caller_begin(&stopper);
    TEST_EVENTUALLY(httpd_graceful_stop_stopping(gs));
    int64_t since_us = esp_timer_get_time();
    client_t *late = client_connect(PORT, "");
    TEST_TRUE(client_wait_end(late, PATIENCE_MS));
    IN_TIME(0, 55 + PROMPT_MS, (late->ended_us - since_us) / 1000);
    TEST_EQ(0, atomic_load(&late->received));
    caller_end(&stopper);
    TEST_EQ(1, stopper.report.refused);
    TEST_EQ(0, atomic_load(&handlers_run));
    client_close(late);
    client_close(silent);
    server_end();
}

static void worker_streams_end_whole(unsigned interval_ms)
{
    server_start();
    atomic_store(&frame_ms, interval_ms);
    client_t *clients[3];
    for (int i = 0; i < 3; i++) {
        clients[i] = client_stream(PORT, "/async");
    }
    TEST_TRUE(client_wait_received(clients[2], 4000, PATIENCE_MS));
    httpd_graceful_stop_report_t report = server_stop_ok();
    TEST_EQ(3, report.sessions);
    TEST_EQ(0, report.forced_count);
    CHECK_DRAINED(report, interval_ms + PROMPT_MS);
    TEST_EQ(0, report.phase_ms[HTTPD_GRACEFUL_STOP_SHUTDOWN]);
    for (int i = 0; i < 3; i++) {
        check_ended_whole(clients[i]);
        client_close(clients[i]);
    }
    server_end();
}

static void three_workers_at_10_ms_end_whole(void)
{
    worker_streams_end_whole(10);
}

static void three_workers_at_300_ms_end_whole(void)
{
    worker_streams_end_whole(300);
}

static void stalled_worker_is_forced_and_the_others_end_whole(void)
{
    server_start();
    client_t *stalled = client_connect(PORT, "GET /async HTTP/1.1\r\nHost: board\r\n\r\n");
    client_t *reading = client_stream(PORT, "/async");
    wait_for_stall();
    httpd_graceful_stop_report_t report = server_stop_ok();
    check_ended_whole(reading);
    TEST_EQ(1, report.forced_count);
    CHECK_CUT(report);
    client_close(stalled);
    client_close(reading);
    server_end();
}

static void worker_that_outlives_the_drain_is_cut(void)
{
    stream_is_cut_at_the_drain_limit("/late");
}

void app_main(void)
{
    network_up();
    TIMED_RUN(no_client_costs_the_poll_alone);
    TIMED_RUN(heap_is_measured_when_the_servers_stack_is_free);
    TIMED_RUN(idle_keep_alive_gets_a_fin_at_once);
    TIMED_RUN(reading_stream_ends_on_a_whole_frame);
    TIMED_RUN(reading_drop_in_stream_is_cut_at_the_drain_limit);
    TIMED_RUN(stalled_reader_is_forced_at_the_drain_limit);
    TIMED_RUN(half_a_request_is_forced_at_the_drain_limit);
    TIMED_RUN(slow_loris_is_forced_at_the_drain_limit);
    TIMED_RUN(new_client_is_refused_while_stopping);
    TIMED_RUN(one_served_two_waiting_all_end);
    TIMED_RUN(request_behind_a_stream_gets_503);
    if (HAS_ASYNC) {
        TIMED_RUN(three_workers_at_10_ms_end_whole);
        TIMED_RUN(three_workers_at_300_ms_end_whole);
        TIMED_RUN(stalled_worker_is_forced_and_the_others_end_whole);
        TIMED_RUN(worker_that_outlives_the_drain_is_cut);
    }
    TEST_END();
}
