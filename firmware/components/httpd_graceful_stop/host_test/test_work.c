/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Queued work: each item is run or cancelled, exactly once, even when the control mailbox is full.
 */
#include <string.h>

#include "board_test.h"
#include "client.h"
#include "esp_timer.h"
#include "server.h"

typedef struct {
    _Atomic unsigned run, cancelled;
} tally_t;

static TaskHandle_t cancel_task;

static void run(void *arg)
{
    atomic_fetch_add(&((tally_t *)arg)->run, 1);
}

static void cancel(void *arg)
{
    cancel_task = xTaskGetCurrentTaskHandle();
    atomic_fetch_add(&((tally_t *)arg)->cancelled, 1);
}

static void ignore(void *arg)
{
    (void)arg;
}

static void queued_work_runs(void)
{
    server_start();
    tally_t tallies[10] = {0};
    for (int i = 0; i < 10; i++) {
        TEST_EQ(ESP_OK, httpd_graceful_stop_queue_work(gs, run, cancel, &tallies[i]));
    }
    server_stop_ok();
    for (int i = 0; i < 10; i++) {
        TEST_EQ(1, atomic_load(&tallies[i].run) + atomic_load(&tallies[i].cancelled));
    }
    TEST_EQ(1, atomic_load(&tallies[0].run));
    server_end();
}

/*
 * The server's task is busy and its mailbox full of others' datagrams, so that ours are lost without a word, and
 * nothing brings their items to the server before it stops. (From ESP-IDF 5.5.5 on the queue says that it is full.)
 */
static void what_did_not_run_is_cancelled_once_on_the_helper(void)
{
    server_start();
    client_t *client = client_stream(PORT, "/stream");
    atomic_store(&frame_ms, 300);
    vTaskDelay(pdMS_TO_TICKS(50));
    for (int i = 0; i < 20; i++) {
        httpd_queue_work(httpd_graceful_stop_server(gs), ignore, NULL);
    }
    tally_t tallies[4] = {0};
    bool accepted[4];
    cancel_task = NULL;
    for (int i = 0; i < 4; i++) {
        esp_err_t err = httpd_graceful_stop_queue_work(gs, run, cancel, &tallies[i]);
        accepted[i] = err == ESP_OK;
        TEST_TRUE(err == ESP_OK || err == ESP_FAIL);
    }
    server_stop_ok();
    for (int i = 0; i < 4; i++) {
        TEST_EQ(0, atomic_load(&tallies[i].run));
        TEST_EQ(accepted[i], atomic_load(&tallies[i].cancelled));
    }
    TEST_TRUE(!accepted[0] || (cancel_task != NULL && cancel_task != xTaskGetCurrentTaskHandle()));
    client_close(client);
    server_end();
}

static void full_mailbox_does_not_hang_the_stop(void)
{
    server_start();
    atomic_store(&frame_ms, 200);
    client_t *client = client_stream(PORT, "/stream"); /* in its pause of 200 ms the first pings find no room */
    for (int i = 0; i < 20; i++) {
        httpd_queue_work(httpd_graceful_stop_server(gs), ignore, NULL);
    }
    httpd_graceful_stop_report_t report = server_stop_ok();
    TEST_EQ(0, report.forced_count);
    CHECK_DRAINED(report, 255 + PROMPT_MS);
    client_close(client);
    server_end();
}

static size_t left_open;

static esp_err_t count_and_stop(httpd_handle_t server)
{
    int fds[8];
    left_open = 8;
    TEST_EQ(ESP_OK, httpd_get_client_list(server, &left_open, fds));
    return httpd_stop(server);
}

/*
 * For a WebSocket that was shut the server queues a message to close it, at each turn of its loop: the one that stops
 * it would find no room. So it comes when all are closed.
 */
static void server_stops_when_its_sessions_are_closed(void)
{
    server_stop_fn = count_and_stop;
    server_start();
    client_t *idle = client_connect(PORT, "");
    wait_for_sessions(gs, 1);
    client_t *websockets[5];
    for (int i = 0; i < 5; i++) {
        websockets[i] = client_websocket(PORT, "/ws", true);
    }
    server_stop_ok();
    TEST_EQ(0, left_open);
    for (int i = 0; i < 5; i++) {
        TEST_TRUE(client_wait_end(websockets[i], PATIENCE_MS));
        TEST_EQ(1001, atomic_load(&websockets[i]->close_code));
        client_close(websockets[i]);
    }
    client_close(idle);
    server_end();
    server_stop_fn = httpd_stop;
}

static void queue_is_limited(void)
{
    server_start();
    atomic_store(&frame_ms, 100);
    client_t *client = client_stream(PORT, "/stream");
    static tally_t tallies[64];
    memset(tallies, 0, sizeof(tallies));
    int accepted = 0;
    while (accepted < 64 && httpd_graceful_stop_queue_work(gs, run, cancel, &tallies[accepted]) == ESP_OK) {
        accepted++;
    }
    TEST_WITHIN(6, 32, accepted);
    server_stop_ok();
    for (int i = 0; i < 64; i++) {
        TEST_EQ(i < accepted, atomic_load(&tallies[i].run) + atomic_load(&tallies[i].cancelled));
    }
    client_close(client);
    server_end();
}

/* ---- A producer that races the stop ----------------------------------------------------------------------------- */

static tally_t raced;
static _Atomic unsigned accepted_work;
static SemaphoreHandle_t producer_done;

static void producing_task(void *arg)
{
    (void)arg;
    esp_err_t err;
    do {
        err = httpd_graceful_stop_queue_work(gs, run, cancel, &raced);
        if (err == ESP_OK) {
            atomic_fetch_add(&accepted_work, 1);
        } else {
            vPortYield();
        }
    } while (err == ESP_OK || err == ESP_FAIL);
    TEST_EQ(ESP_ERR_INVALID_STATE, err);
    xSemaphoreGive(producer_done);
    vTaskDelete(NULL);
}

static void producer_racing_the_stop_loses_nothing(void)
{
    producer_done = xSemaphoreCreateCounting(2, 0);
    for (int round = 0; round < 5; round++) {
        server_start();
        for (int i = 0; i < 2; i++) {
            TEST_TRUE(xTaskCreate(producing_task, "producer", 4096, NULL, 5, NULL) == pdPASS);
        }
        vTaskDelay(pdMS_TO_TICKS(50));
        server_stop_ok();
        for (int i = 0; i < 2; i++) {
            TEST_TRUE(xSemaphoreTake(producer_done, pdMS_TO_TICKS(PATIENCE_MS)) == pdTRUE);
        }
        TEST_EQ(atomic_load(&accepted_work), atomic_load(&raced.run) + atomic_load(&raced.cancelled));
        server_end();
    }
    vSemaphoreDelete(producer_done);
}

void app_main(void)
{
    network_up();
    TIMED_RUN(queued_work_runs);
    TIMED_RUN(what_did_not_run_is_cancelled_once_on_the_helper);
    TIMED_RUN(full_mailbox_does_not_hang_the_stop);
    TIMED_RUN(server_stops_when_its_sessions_are_closed);
    TIMED_RUN(queue_is_limited);
    TIMED_RUN(producer_racing_the_stop_loses_nothing);
    TEST_END();
}
