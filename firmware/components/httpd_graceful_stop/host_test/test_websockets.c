/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * WebSockets: CLOSE 1001 to every client that reads, whatever the others do, and a reset to none of those.
 */
#include <string.h>

#include "board_test.h"
#include "client.h"
#include "esp_timer.h"
#include "server.h"

/* When the server's own task is held up by a client that does not read: three pings, 50 ms apart, show it. */
#define CLOSE_BESIDE_MS (100 + PROMPT_MS + 10)

static void check_closed_1001(client_t *client)
{
    TEST_TRUE(client_wait_end(client, PATIENCE_MS));
    TEST_EQ(1001, atomic_load(&client->close_code));
    TEST_EQ(CLIENT_FIN, atomic_load(&client->end));
}

static void websocket_gets_close_1001(void)
{
    server_start();
    client_t *client = client_websocket(PORT, "/ws", true);
    httpd_graceful_stop_report_t report = server_stop_ok();
    check_closed_1001(client);
    TEST_EQ(1, report.websockets);
    TEST_EQ(0, report.forced_count);
    CHECK_DRAINED(report, PROMPT_MS);
    client_close(client);
    server_end();
}

static void stalled_websocket_does_not_delay_the_others(void)
{
    server_start();
    client_t *stalled = client_websocket(PORT, "/ws", false);
    client_t *reading[2] = {client_websocket(PORT, "/ws", true), client_websocket(PORT, "/ws", true)};
    client_send_text(stalled, "fill");
    while (!atomic_load(&filled)) {
        vTaskDelay(1);
    }
    int64_t since_us = esp_timer_get_time();
    httpd_graceful_stop_report_t report = server_stop_ok();
    for (int i = 0; i < 2; i++) {
        check_closed_1001(reading[i]);
        IN_TIME(0, 55 + PROMPT_MS, (reading[i]->ended_us - since_us) / 1000);
        client_close(reading[i]);
    }
    TEST_EQ(2, report.websockets);
    TEST_EQ(1, report.forced_count);
    CHECK_CUT(report);
    client_close(stalled);
    server_end();
}

/* What the client sent before it saw the CLOSE is unread then: closing the socket at once would answer with a reset. */
static void close_survives_frames_that_cross_it(void)
{
    server_start();
    client_t *client = client_websocket(PORT, "/ws", false);
    client_t *streaming = client_stream(PORT, "/stream"); /* the server's task is busy, so the frames lie unread */
    for (int i = 0; i < 20; i++) {
        client_send_text(client, "a frame that nobody has read yet");
    }
    client->answer_delay_ms = 100;
    client_read(client);
    httpd_graceful_stop_report_t report = server_stop_ok();
    check_closed_1001(client);
    /* None of those frames ended the session: the client's answer was waited for. */
    IN_TIME(90, 205 + PROMPT_MS, report.phase_ms[HTTPD_GRACEFUL_STOP_DRAIN]);
    TEST_TRUE(client_wait_end(streaming, PATIENCE_MS));
    TEST_EQ(CLIENT_FIN, atomic_load(&streaming->end));
    TEST_EQ(1, report.websockets);
    TEST_EQ(0, report.forced_count);
    client_close(client);
    client_close(streaming);
    server_end();
}

/*
 * A handler that does not end by itself holds the loop until it is cut. When that is a client's doing that does not
 * read, CLOSE does not wait for it; otherwise there is still time for it after the cut.
 */
static void gets_close_1001_beside(const char *request, bool reads)
{
    server_start();
    client_t *client = client_websocket(PORT, "/ws", true);
    client_t *stream = client_connect(PORT, request);
    if (reads) {
        client_read(stream);
        TEST_TRUE(client_wait_received(stream, 8000, PATIENCE_MS));
    } else {
        wait_for_stall();
    }
    int64_t since_us = esp_timer_get_time();
    httpd_graceful_stop_report_t report = server_stop_ok();
    check_closed_1001(client);
    IN_TIME(0, reads ? DRAIN_MS + CUT_MS : CLOSE_BESIDE_MS, (client->ended_us - since_us) / 1000);
    TEST_EQ(1, report.forced_count);
    CHECK_CUT(report);
    client_close(stream);
    client_close(client);
    server_end();
}

static void websocket_beside_a_stalled_stream_gets_close_1001(void)
{
    gets_close_1001_beside("GET /stream HTTP/1.1\r\nHost: board\r\n\r\n", false);
}

static void websocket_beside_a_deaf_stream_gets_close_1001(void)
{
    gets_close_1001_beside("GET /deaf HTTP/1.1\r\nHost: board\r\n\r\n", true);
}

static void silent_websocket_is_cut_at_the_drain_limit(void)
{
    server_start();
    client_t *client = client_websocket(PORT, "/ws", true);
    client->answers_close = false;
    httpd_graceful_stop_report_t report = server_stop_ok();
    check_closed_1001(client);
    TEST_EQ(1, report.forced_count);
    CHECK_CUT(report);
    client_close(client);
    server_end();
}

/* ---- A push from the server's own task -------------------------------------------------------------------------- */

static uint8_t pushed[2000];
static _Atomic unsigned pushed_to_reader;
static _Atomic bool push_stalls;

/* To both in turn, until a stop is asked for. What it sends to the one that does not read soon finds no room. */
static void push(void *arg)
{
    const int *fds = arg; /* the reader's, the stalled one's */
    httpd_handle_t server = httpd_graceful_stop_server(gs);
    httpd_ws_frame_t frame = {.type = HTTPD_WS_TYPE_BINARY, .payload = pushed, .len = sizeof(pushed)};
    while (!httpd_graceful_stop_stopping(gs)) {
        TEST_EQ(ESP_OK, httpd_ws_send_frame_async(server, fds[0], &frame));
        atomic_fetch_add(&pushed_to_reader, 1);
        atomic_store(&push_stalls, true);
        if (httpd_ws_send_frame_async(server, fds[1], &frame) != ESP_OK) {
            break; /* cut */
        }
        atomic_store(&push_stalls, false);
    }
}

static void wait_until_stalled(void)
{
    unsigned sent = 0;
    do {
        sent = atomic_load(&pushed_to_reader);
        vTaskDelay(pdMS_TO_TICKS(100));
    } while (!atomic_load(&push_stalls) || sent == 0 || sent != atomic_load(&pushed_to_reader));
}

static void push_that_a_client_stalls_does_not_delay_the_others_close(void)
{
    server_start();
    client_t *reading = client_websocket(PORT, "/ws", true);
    int fds[3];
    size_t count = 3;
    TEST_EQ(ESP_OK, httpd_get_client_list(httpd_graceful_stop_server(gs), &count, fds));
    TEST_EQ(1, count);
    const int reading_fd = fds[0];
    client_t *stalled = client_websocket(PORT, "/ws", false);
    client_t *bystander = client_websocket(PORT, "/ws", true);
    count = 3;
    TEST_EQ(ESP_OK, httpd_get_client_list(httpd_graceful_stop_server(gs), &count, fds));
    int to[2] = {reading_fd, fds[1]};
    TEST_EQ(reading_fd, fds[0]);
    atomic_store(&pushed_to_reader, 0);
    TEST_EQ(ESP_OK, httpd_graceful_stop_queue_work(gs, push, NULL, to));
    wait_until_stalled();
    int64_t since_us = esp_timer_get_time();
    httpd_graceful_stop_report_t report = server_stop_ok();
    check_closed_1001(reading);
    check_closed_1001(bystander);
    IN_TIME(0, CLOSE_BESIDE_MS, (reading->ended_us - since_us) / 1000);
    IN_TIME(0, CLOSE_BESIDE_MS, (bystander->ended_us - since_us) / 1000);
    /* Every frame whole (4 bytes of header), and the CLOSE (4 bytes) last. */
    TEST_EQ(atomic_load(&pushed_to_reader) * (sizeof(pushed) + 4) + 4, atomic_load(&reading->received));
    TEST_EQ(2, report.websockets);
    TEST_EQ(1, report.forced_count); /* the stalled one, which had its whole drain limit */
    CHECK_CUT(report);
    client_close(reading);
    client_close(bystander);
    client_close(stalled);
    server_end();
}

/* ---- A task that pushes under a lease --------------------------------------------------------------------------- */

typedef struct {
    int fd;
    _Atomic unsigned frames;
} pusher_t;

static void pushing_task(void *arg)
{
    pusher_t *pusher = arg;
    static uint8_t payload[300];
    httpd_ws_frame_t frame = {.type = HTTPD_WS_TYPE_BINARY, .payload = payload, .len = sizeof(payload)};
    TEST_EQ(ESP_OK, httpd_graceful_stop_lease(gs));
    while (!httpd_graceful_stop_stopping(gs)) {
        TEST_EQ(ESP_OK, httpd_ws_send_frame_async(httpd_graceful_stop_server(gs), pusher->fd, &frame));
        atomic_fetch_add(&pusher->frames, 1);
        vTaskDelay(1);
    }
    /* Still at work for a while: nothing may be put between its frames. */
    for (int i = 0; i < 8; i++) {
        TEST_EQ(ESP_OK, httpd_ws_send_frame_async(httpd_graceful_stop_server(gs), pusher->fd, &frame));
        atomic_fetch_add(&pusher->frames, 1);
        vTaskDelay(1);
    }
    httpd_graceful_stop_release(gs);
    vTaskDelete(NULL);
}

static void close_waits_for_who_pushes_under_a_lease(void)
{
    server_start();
    client_t *client = client_websocket(PORT, "/ws", true);
    int fds[8];
    size_t count = 8;
    TEST_EQ(ESP_OK, httpd_get_client_list(httpd_graceful_stop_server(gs), &count, fds));
    TEST_EQ(1, count);
    pusher_t pusher = {.fd = fds[0]};
    TEST_TRUE(xTaskCreate(pushing_task, "pusher", 4096, &pusher, 5, NULL) == pdPASS);
    TEST_TRUE(client_wait_received(client, 1000, PATIENCE_MS));
    httpd_graceful_stop_report_t report = server_stop_ok();
    check_closed_1001(client);
    /* Every frame whole (4 bytes of header, 300 of payload), and the CLOSE (4 bytes) last. */
    TEST_EQ(atomic_load(&pusher.frames) * 304 + 4, atomic_load(&client->received));
    TEST_EQ(0, report.forced_count);
    IN_TIME(80, 155 + PROMPT_MS, report.phase_ms[HTTPD_GRACEFUL_STOP_DRAIN]);
    client_close(client);
    server_end();
}

void app_main(void)
{
    network_up();
    TIMED_RUN(websocket_gets_close_1001);
    TIMED_RUN(stalled_websocket_does_not_delay_the_others);
    TIMED_RUN(close_survives_frames_that_cross_it);
    TIMED_RUN(websocket_beside_a_stalled_stream_gets_close_1001);
    TIMED_RUN(websocket_beside_a_deaf_stream_gets_close_1001);
    TIMED_RUN(silent_websocket_is_cut_at_the_drain_limit);
    TIMED_RUN(push_that_a_client_stalls_does_not_delay_the_others_close);
    TIMED_RUN(close_waits_for_who_pushes_under_a_lease);
    TEST_END();
}
