/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What nobody can end from outside: it is a timeout, in bounded time, and a retry succeeds when it has ended.
 */
#include "board_test.h"
#include "client.h"
#include "esp_timer.h"
#include "server.h"

static void never_ending_handler_times_out_and_a_retry_succeeds(void)
{
    server_start();
    client_t *client = client_stream(PORT, "/never");
    httpd_graceful_stop_report_t report;
    int64_t since_us = esp_timer_get_time();
    TEST_EQ(ESP_ERR_TIMEOUT, httpd_graceful_stop_stop(gs, &report));
    /* Each phase is counted in whole milliseconds, the first of which may be nearly over. */
    IN_TIME(DRAIN_MS + SHUTDOWN_MS - 2, DRAIN_MS + SHUTDOWN_MS + SLACK_MS, (esp_timer_get_time() - since_us) / 1000);
    TEST_EQ(ESP_ERR_TIMEOUT, report.err);
    TEST_EQ(1, report.remaining);
    TEST_EQ(1, report.forced_count);
    TEST_EQ(HTTPD_GRACEFUL_STOP_SHUTDOWN, report.phase);
    TEST_TRUE(httpd_graceful_stop_stopping(gs));
    TEST_EQ(ESP_ERR_INVALID_STATE, httpd_graceful_stop_delete(gs));
    TEST_EQ(ESP_ERR_TIMEOUT, httpd_graceful_stop_stop(gs, &report));

    atomic_store(&never_release, true);
    report = server_stop_ok();
    TEST_EQ(1, report.forced_count);
    TEST_EQ(1, report.sessions);
    client_close(client);
    server_start_again(); /* and the object is as good as new */
    client = client_stream(PORT, "/hello");
    server_stop_ok();
    client_close(client);
    server_end();
}

static void times_out_and_a_retry_succeeds(const char *path)
{
    server_start();
    client_t *client = client_stream(PORT, path);
    httpd_graceful_stop_report_t report;
    TEST_EQ(ESP_ERR_TIMEOUT, httpd_graceful_stop_stop(gs, &report));
    TEST_EQ(1, report.remaining);
    TEST_EQ(1, report.forced_count);
    TEST_TRUE(httpd_graceful_stop_server(gs) != NULL);
    atomic_store(&never_release, true);
    TEST_EQ(1, server_stop_ok().forced_count);
    client_close(client);
    server_end();
}

static void handler_that_never_yields_times_out_and_a_retry_succeeds(void)
{
    times_out_and_a_retry_succeeds("/spin");
}

/* It goes on using its copy of the request all the time: the session must stay. */
static void worker_that_never_ends_times_out_and_a_retry_succeeds(void)
{
    times_out_and_a_retry_succeeds("/stray");
}

/* The server's own task then waits in close_fn for the worker, and does for the others what it can there. */
static void worker_whose_session_is_closed_delays_nobody_else(void)
{
    server_start();
    client_t *client = client_stream(PORT, "/stray");
    int fd;
    size_t count = 1;
    TEST_EQ(ESP_OK, httpd_get_client_list(httpd_graceful_stop_server(gs), &count, &fd));
    client_t *websocket = client_websocket(PORT, "/ws", true);
    TEST_EQ(ESP_OK, httpd_sess_trigger_close(httpd_graceful_stop_server(gs), fd));
    TEST_TRUE(client_wait_end(client, PATIENCE_MS)); /* so it is there */
    client_t *stranger = client_connect(PORT, "");   /* would get the session's slot, and what the worker sends */
    client_read(stranger);
    vTaskDelay(5); /* the worker sends at each tick */
    httpd_graceful_stop_report_t report;
    int64_t since_us = esp_timer_get_time();
    TEST_EQ(ESP_ERR_TIMEOUT, httpd_graceful_stop_stop(gs, &report));
    IN_TIME(DRAIN_MS + SHUTDOWN_MS - 2, DRAIN_MS + SHUTDOWN_MS + SLACK_MS, (esp_timer_get_time() - since_us) / 1000);
    TEST_EQ(1, report.remaining);
    TEST_EQ(1, report.websockets);
    TEST_TRUE(client_wait_end(websocket, PATIENCE_MS));
    TEST_EQ(1001, atomic_load(&websocket->close_code));
    IN_TIME(0, 10 + PROMPT_MS, (websocket->ended_us - since_us) / 1000);
    atomic_store(&never_release, true);
    server_stop_ok();
    TEST_TRUE(client_wait_end(stranger, PATIENCE_MS));
    TEST_EQ(0, atomic_load(&stranger->received));
    client_close(client);
    client_close(stranger);
    client_close(websocket);
    server_end();
}

#if HAS_ASYNC
static void unknown_worker(void *arg)
{
    httpd_req_t *copy = arg;
    while (!atomic_load(&never_release)) {
        httpd_resp_sendstr_chunk(copy, "inside");
        vTaskDelay(1);
    }
    TEST_EQ(ESP_OK, httpd_req_async_handler_complete(copy));
    vTaskDelete(NULL);
}

static esp_err_t hand_over_unknown_here(httpd_req_t *req)
{
    httpd_req_t *copy;
    TEST_EQ(ESP_OK, httpd_req_async_handler_begin(req, &copy));
    TEST_TRUE(xTaskCreate(unknown_worker, "worker", 4096, copy, 5, NULL) == pdPASS);
    return ESP_OK;
}

/* Its session stays open, so the server is not freed under it. */
static void worker_that_is_unknown_here_times_out_and_a_retry_succeeds(void)
{
    server_start();
    const httpd_uri_t uri = {.uri = "/unknown", .method = HTTP_GET, .handler = hand_over_unknown_here};
    TEST_EQ(ESP_OK, httpd_graceful_stop_register_uri_handler(gs, &uri));
    client_t *client = client_stream(PORT, "/unknown");
    TEST_EQ(ESP_ERR_TIMEOUT, httpd_graceful_stop_stop(gs, NULL));
    TEST_TRUE(httpd_graceful_stop_server(gs) != NULL);
    atomic_store(&never_release, true);
    server_stop_ok();
    client_close(client);
    server_end();
}
#endif

static void lease_that_stays_out_times_out_and_a_retry_succeeds(void)
{
    server_start();
    TEST_EQ(ESP_OK, httpd_graceful_stop_lease(gs));
    httpd_graceful_stop_report_t report;
    TEST_EQ(ESP_ERR_TIMEOUT, httpd_graceful_stop_stop(gs, &report));
    TEST_EQ(1, report.remaining);
    TEST_TRUE(httpd_graceful_stop_server(gs) != NULL);
    TEST_EQ(ESP_ERR_INVALID_STATE, httpd_graceful_stop_lease(gs));
    httpd_graceful_stop_release(gs);
    server_stop_ok();
    server_end();
}

static void lease_given_back_twice_is_nobody_elses(void)
{
    server_start();
    TEST_EQ(ESP_ERR_INVALID_STATE, httpd_graceful_stop_release(gs));
    client_t *client = client_stream(PORT, "/stray"); /* a worker, which holds one of its own */
    TEST_EQ(ESP_OK, httpd_graceful_stop_lease(gs));
    TEST_EQ(ESP_OK, httpd_graceful_stop_release(gs));
    TEST_EQ(ESP_ERR_INVALID_STATE, httpd_graceful_stop_release(gs));
    httpd_graceful_stop_report_t report;
    TEST_EQ(ESP_ERR_TIMEOUT, httpd_graceful_stop_stop(gs, &report));
    TEST_EQ(1, report.remaining);
    atomic_store(&never_release, true);
    server_stop_ok();
    client_close(client);
    server_end();
}

/* ---- httpd_stop() itself that does not return ------------------------------------------------------------------- */

static _Atomic bool stop_may_return;

static esp_err_t stop_slowly(httpd_handle_t server)
{
    while (!atomic_load(&stop_may_return)) {
        vTaskDelay(1);
    }
    return httpd_stop(server);
}

static void server_stop_that_hangs_times_out_and_is_joined(void)
{
    httpd_graceful_stop_config_t limits = HTTPD_GRACEFUL_STOP_CONFIG_DEFAULT();
    limits.stop_ms = STOP_MS;
    TEST_EQ(ESP_OK, httpd_graceful_stop_create(&limits, &gs));
    httpd_config_t config = HTTPD_DEFAULT_CONFIG();
    config.server_port = PORT;
    const httpd_graceful_stop_server_t server = {
        .httpd = &config, .start = start_plain, .stop = stop_slowly, .config = &config};
    TEST_EQ(ESP_OK, httpd_graceful_stop_start_with(gs, &server));
    TEST_TRUE(config.open_fn == NULL && config.close_fn == NULL); /* given back as it was */

    atomic_store(&stop_may_return, false);
    httpd_graceful_stop_report_t report;
    for (int i = 0; i < 2; i++) { /* the second call joins: its limit counts from its own beginning */
        int64_t since_us = esp_timer_get_time();
        TEST_EQ(ESP_ERR_TIMEOUT, httpd_graceful_stop_stop(gs, &report));
        IN_TIME(STOP_MS - 1, STOP_MS + SLACK_MS, (esp_timer_get_time() - since_us) / 1000);
        TEST_EQ(HTTPD_GRACEFUL_STOP_STOP, report.phase);
    }
    atomic_store(&stop_may_return, true);
    server_stop_ok();
    server_end();
}

void app_main(void)
{
    network_up();
    TIMED_RUN(never_ending_handler_times_out_and_a_retry_succeeds);
    TIMED_RUN(handler_that_never_yields_times_out_and_a_retry_succeeds);
    if (HAS_ASYNC) {
        TIMED_RUN(worker_that_never_ends_times_out_and_a_retry_succeeds);
        TIMED_RUN(worker_whose_session_is_closed_delays_nobody_else);
        TIMED_RUN(lease_given_back_twice_is_nobody_elses);
    }
#if HAS_ASYNC
    TIMED_RUN(worker_that_is_unknown_here_times_out_and_a_retry_succeeds);
#endif
    TIMED_RUN(lease_that_stays_out_times_out_and_a_retry_succeeds);
    TIMED_RUN(server_stop_that_hangs_times_out_and_is_joined);
    TEST_END();
}
