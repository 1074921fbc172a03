/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * CONFIG_HTTPD_QUEUE_WORK_BLOCKING: httpd_queue_work() waits for room, without a limit. A handler that holds the
 * server's task then holds whoever queues work, and the helper must not depend on that. The component is compiled with
 * the option for this program; what the option does to the server is put around httpd_queue_work() here, as ESP-IDF
 * does it.
 */
#include <stdlib.h>

#include "board_test.h"
#include "client.h"
#include "esp_timer.h"
#include "server.h"

#define ROOM 6 /* CONFIG_LWIP_UDP_RECVMBOX_SIZE */

typedef struct {
    httpd_work_fn_t work;
    void *arg;
} item_t;

static SemaphoreHandle_t room;

esp_err_t __real_httpd_queue_work(httpd_handle_t server, httpd_work_fn_t work, void *arg);
esp_err_t __wrap_httpd_queue_work(httpd_handle_t server, httpd_work_fn_t work, void *arg);

static void run_and_make_room(void *arg)
{
    item_t item = *(item_t *)arg;
    free(arg);
    item.work(item.arg);
    xSemaphoreGive(room);
}

esp_err_t __wrap_httpd_queue_work(httpd_handle_t server, httpd_work_fn_t work, void *arg)
{
    item_t *item = malloc(sizeof(*item));
    *item = (item_t){work, arg};
    xSemaphoreTake(room, portMAX_DELAY);
    return __real_httpd_queue_work(server, run_and_make_room, item);
}

static void ignore(void *arg)
{
    (void)arg;
}

static void start_with_room(void)
{
    room = xSemaphoreCreateCounting(ROOM, ROOM);
    server_start();
}

static void end_with_room(client_t *client)
{
    client_close(client);
    server_end();
    vSemaphoreDelete(room);
}

/* The handler is inside, and until it returns there is no room in the server's queue. */
static client_t *hold_and_fill(const char *path)
{
    client_t *client = client_stream(PORT, path);
    for (int i = 0; i < ROOM; i++) {
        TEST_EQ(ESP_OK, httpd_queue_work(httpd_graceful_stop_server(gs), ignore, NULL));
    }
    return client;
}

/* @param more_ms how much later than at the drain limit */
static void check_cut(httpd_graceful_stop_report_t report, uint32_t more_ms)
{
    TEST_EQ(1, report.forced_count);
    IN_TIME(DRAIN_MS, DRAIN_MS + more_ms + CUT_MS, report.phase_ms[0] + report.phase_ms[1]);
}

static void cooperative_stream_ends_at_once(void)
{
    start_with_room();
    client_t *client = client_stream(PORT, "/stream");
    httpd_graceful_stop_report_t report = server_stop_ok();
    TEST_EQ(0, report.forced_count);
    CHECK_DRAINED(report, PROMPT_MS);
    end_with_room(client);
}

/* The helper's own pings must not fill the queue: the one after the last would never come back. */
static void deaf_stream_is_cut_at_the_drain_limit(void)
{
    start_with_room();
    client_t *client = client_stream(PORT, "/deaf");
    check_cut(server_stop_ok(), 0);
    end_with_room(client);
}

static void deaf_stream_is_cut_though_the_queue_is_full(void)
{
    start_with_room();
    client_t *client = hold_and_fill("/deaf");
    check_cut(server_stop_ok(), 120);
    end_with_room(client);
}

static void drop_in_stream_is_cut_though_the_queue_is_full(void)
{
    start_with_room();
    client_t *client = hold_and_fill("/dropin");
    check_cut(server_stop_ok(), 120);
    end_with_room(client);
}

static void never_ending_handler_times_out_and_a_retry_succeeds(void)
{
    start_with_room();
    client_t *client = hold_and_fill("/never");
    for (int i = 0; i < 2; i++) {
        httpd_graceful_stop_report_t report;
        int64_t since_us = esp_timer_get_time();
        TEST_EQ(ESP_ERR_TIMEOUT, httpd_graceful_stop_stop(gs, &report));
        TEST_EQ(1, report.remaining);
        IN_TIME(0, DRAIN_MS + SHUTDOWN_MS + STOP_MS + SLACK_MS, (esp_timer_get_time() - since_us) / 1000);
    }
    atomic_store(&never_release, true);
    server_stop_ok();
    end_with_room(client);
}

void app_main(void)
{
    network_up();
    TIMED_RUN(cooperative_stream_ends_at_once);
    TIMED_RUN(deaf_stream_is_cut_at_the_drain_limit);
    TIMED_RUN(deaf_stream_is_cut_though_the_queue_is_full);
    TIMED_RUN(drop_in_stream_is_cut_though_the_queue_is_full);
    TIMED_RUN(never_ending_handler_times_out_and_a_retry_succeeds);
    TEST_END();
}
