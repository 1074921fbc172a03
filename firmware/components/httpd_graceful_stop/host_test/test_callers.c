/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Who may call stop(), how often, and what they get.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "board_test.h"
#include "client.h"
#include "esp_timer.h"
#include "server.h"

static void repeated_stop_is_ok(void)
{
    server_start();
    httpd_graceful_stop_report_t first = server_stop_ok(), again;
    TEST_EQ(ESP_OK, httpd_graceful_stop_stop(gs, &again));
    TEST_EQ(0, memcmp(&first, &again, sizeof(first)));
    TEST_EQ(ESP_OK, httpd_graceful_stop_stop(gs, NULL));
    server_end();
}

static void stop_without_a_server_is_ok(void)
{
    httpd_graceful_stop_config_t limits = HTTPD_GRACEFUL_STOP_CONFIG_DEFAULT();
    httpd_graceful_stop_handle_t unused;
    TEST_EQ(ESP_OK, httpd_graceful_stop_create(&limits, &unused));
    TEST_EQ(ESP_OK, httpd_graceful_stop_stop(unused, NULL));
    TEST_EQ(ESP_ERR_INVALID_STATE, httpd_graceful_stop_lease(unused));
    TEST_TRUE(!httpd_graceful_stop_stopping(unused));
    TEST_EQ(ESP_OK, httpd_graceful_stop_delete(unused));
    TEST_EQ(ESP_ERR_INVALID_ARG, httpd_graceful_stop_stop(unused, NULL)); /* a handle that was deleted is noticed */
}

static void running_server_is_neither_started_again_nor_deleted(void)
{
    server_start();
    httpd_config_t config = HTTPD_DEFAULT_CONFIG();
    TEST_EQ(ESP_ERR_INVALID_STATE, httpd_graceful_stop_start(gs, &config));
    TEST_EQ(ESP_ERR_INVALID_STATE, httpd_graceful_stop_delete(gs));
    server_stop_ok();
    server_end();
}

/* Its helper may not have run at all by then. */
static void object_can_be_deleted_at_once(void)
{
    httpd_graceful_stop_config_t limits = HTTPD_GRACEFUL_STOP_CONFIG_DEFAULT();
    for (int i = 0; i < 100; i++) {
        httpd_graceful_stop_handle_t unused;
        TEST_EQ(ESP_OK, httpd_graceful_stop_create(&limits, &unused));
        TEST_EQ(ESP_OK, httpd_graceful_stop_delete(unused));
    }
}

static esp_err_t say_nothing(httpd_req_t *req)
{
    return httpd_resp_send(req, NULL, 0);
}

static void never_run(void *arg)
{
    (void)arg;
    TEST_FAIL("work that was queued on a deleted object ran");
}

/* The next object gets the slot and, most likely, the memory of the last one; its handle is another all the same. */
static void stale_handle_is_noticed_when_another_object_has_its_memory(void)
{
    httpd_graceful_stop_config_t limits = HTTPD_GRACEFUL_STOP_CONFIG_DEFAULT();
    httpd_graceful_stop_handle_t stale;
    TEST_EQ(ESP_OK, httpd_graceful_stop_create(&limits, &stale));
    TEST_EQ(ESP_OK, httpd_graceful_stop_delete(stale));
    server_start();
    const httpd_uri_t uri = {.uri = "/new", .method = HTTP_GET, .handler = say_nothing};
    const httpd_config_t config = HTTPD_DEFAULT_CONFIG();
    TEST_EQ(ESP_ERR_INVALID_ARG, httpd_graceful_stop_start(stale, &config));
    TEST_EQ(ESP_ERR_INVALID_ARG, httpd_graceful_stop_register_uri_handler(stale, &uri));
    TEST_EQ(ESP_ERR_INVALID_ARG, httpd_graceful_stop_queue_work(stale, never_run, never_run, NULL));
    TEST_EQ(ESP_ERR_INVALID_ARG, httpd_graceful_stop_set_limits(stale, 1, 1, 1));
    TEST_EQ(ESP_ERR_INVALID_ARG, httpd_graceful_stop_lease(stale));
    httpd_graceful_stop_release(stale); /* nothing: the lease of another is not given back */
    TEST_TRUE(httpd_graceful_stop_server(stale) == NULL);
    TEST_EQ(ESP_ERR_INVALID_ARG, httpd_graceful_stop_stop(stale, NULL));
    TEST_EQ(ESP_ERR_INVALID_ARG, httpd_graceful_stop_delete(stale));
    TEST_TRUE(!httpd_graceful_stop_stopping(gs));
    server_stop_ok();
    server_end();
}

typedef struct {
    httpd_graceful_stop_report_t report;
    esp_err_t err;
    SemaphoreHandle_t done;
} caller_t;

static void calling_task(void *arg)
{
    caller_t *caller = arg;
    caller->err = httpd_graceful_stop_stop(gs, &caller->report);
    xSemaphoreGive(caller->done);
    vTaskDelete(NULL);
}

static void two_callers_get_one_result(void)
{
    server_start();
    client_t *client = client_stream(PORT, "/stream");
    caller_t callers[2];
    for (int i = 0; i < 2; i++) {
        callers[i].done = xSemaphoreCreateBinary();
        TEST_TRUE(xTaskCreate(calling_task, "caller", 4096, &callers[i], 5, NULL) == pdPASS);
    }
    for (int i = 0; i < 2; i++) {
        TEST_TRUE(xSemaphoreTake(callers[i].done, pdMS_TO_TICKS(PATIENCE_MS)) == pdTRUE);
        TEST_EQ(ESP_OK, callers[i].err);
        vSemaphoreDelete(callers[i].done);
    }
    TEST_EQ(0, memcmp(&callers[0].report, &callers[1].report, sizeof(callers[0].report)));
    TEST_EQ(1, callers[0].report.sessions);
    client_close(client);
    server_end();
}

static void deleting_task(void *arg)
{
    caller_t *caller = arg;
    caller->err = httpd_graceful_stop_delete(gs);
    xSemaphoreGive(caller->done);
    vTaskDelete(NULL);
}

/* Of two callers, one is held up inside stop() when the other deletes the object. */
static void object_stays_while_a_call_is_inside(void)
{
    server_start();
    atomic_store(&frame_ms, 200);
    client_t *client = client_stream(PORT, "/stream");
    caller_t slow = {.done = xSemaphoreCreateBinary()}, deleter = {.done = xSemaphoreCreateBinary()};
    TaskHandle_t slow_task;
    TEST_TRUE(xTaskCreate(calling_task, "slow", 4096, &slow, 5, &slow_task) == pdPASS);
    TEST_EVENTUALLY(httpd_graceful_stop_stopping(gs)); /* so it is inside, and waits for the stream's next frame */
    vTaskSuspend(slow_task);
    server_stop_ok();
    TEST_TRUE(xTaskCreate(deleting_task, "deleter", 4096, &deleter, 5, NULL) == pdPASS);
    TEST_TRUE(xSemaphoreTake(deleter.done, pdMS_TO_TICKS(200)) == pdFALSE);
    vTaskResume(slow_task);
    TEST_TRUE(xSemaphoreTake(slow.done, pdMS_TO_TICKS(PATIENCE_MS)) == pdTRUE);
    TEST_TRUE(xSemaphoreTake(deleter.done, pdMS_TO_TICKS(PATIENCE_MS)) == pdTRUE);
    TEST_EQ(ESP_OK, slow.err);
    TEST_EQ(ESP_OK, deleter.err);
    vSemaphoreDelete(slow.done);
    vSemaphoreDelete(deleter.done);
    client_close(client);
    gs = NULL;
}

/* ---- On the server's own task ----------------------------------------------------------------------------------- */

static _Atomic int own_task_err;

static void call_on_own_task(void)
{
    int64_t since_us = esp_timer_get_time();
    atomic_store(&own_task_err, httpd_graceful_stop_stop(gs, NULL));
    TEST_WITHIN(0, 20 + late_ms(), (esp_timer_get_time() - since_us) / 1000);
}

static esp_err_t stop_from_handler(httpd_req_t *req)
{
    call_on_own_task();
    return httpd_resp_sendstr(req, "done");
}

static void stop_from_work(void *arg)
{
    (void)arg;
    call_on_own_task();
}

static void stop_from_close_fn(httpd_handle_t server, int fd)
{
    (void)server;
    call_on_own_task();
    close(fd);
}

static void wait_for_own_task_err(void)
{
    for (int i = 0; i < 100 && atomic_load(&own_task_err) == ESP_FAIL; i++) {
        vTaskDelay(1);
    }
    TEST_EQ(ESP_ERR_INVALID_STATE, atomic_load(&own_task_err));
}

static void stop_on_the_servers_own_task_is_refused(void)
{
    httpd_graceful_stop_config_t limits = HTTPD_GRACEFUL_STOP_CONFIG_DEFAULT();
    TEST_EQ(ESP_OK, httpd_graceful_stop_create(&limits, &gs));
    httpd_config_t config = HTTPD_DEFAULT_CONFIG();
    config.server_port = PORT;
    config.close_fn = stop_from_close_fn;
    TEST_EQ(ESP_OK, httpd_graceful_stop_start(gs, &config));

    atomic_store(&own_task_err, ESP_FAIL); /* before any client: nothing but its queue tells which task it is */
    TEST_EQ(ESP_OK, httpd_queue_work(httpd_graceful_stop_server(gs), stop_from_work, NULL));
    wait_for_own_task_err();

    const httpd_uri_t uri = {.uri = "/stop", .method = HTTP_GET, .handler = stop_from_handler};
    TEST_EQ(ESP_OK, httpd_graceful_stop_register_uri_handler(gs, &uri));
    atomic_store(&own_task_err, ESP_FAIL);
    client_t *client = client_stream(PORT, "/stop");
    wait_for_own_task_err();

    atomic_store(&own_task_err, ESP_FAIL);
    client_close(client);
    wait_for_own_task_err();
    server_stop_ok();
    server_end();
}

/* ---- In an event handler ---------------------------------------------------------------------------------------- */

static _Atomic int loop_err;
static _Atomic int begins, phases, ends;
static httpd_graceful_stop_report_t end_report;

static void stop_in_event_loop(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    (void)arg, (void)base, (void)id, (void)data;
    atomic_store(&loop_err, httpd_graceful_stop_stop(gs, NULL));
}

static void count_events(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    (void)arg, (void)base;
    if (id == HTTPD_GRACEFUL_STOP_EVENT_BEGIN) {
        atomic_fetch_add(&begins, 1);
    } else if (id == HTTPD_GRACEFUL_STOP_EVENT_PHASE) {
        atomic_fetch_add(&phases, 1);
    } else {
        end_report = *(httpd_graceful_stop_report_t *)data;
        atomic_fetch_add(&ends, 1);
    }
}

static void stop_in_an_event_handler_is_ok_and_tells_its_phases(void)
{
    static const char *const base = "TEST_BASE";
    server_start();
    client_t *client = client_stream(PORT, "/stream");
    TEST_EQ(ESP_OK, esp_event_handler_register(base, 1, stop_in_event_loop, NULL));
    TEST_EQ(ESP_OK, esp_event_handler_register(HTTPD_GRACEFUL_STOP_EVENT, ESP_EVENT_ANY_ID, count_events, NULL));
    atomic_store(&loop_err, ESP_FAIL);
    TEST_EQ(ESP_OK, esp_event_post(base, 1, NULL, 0, portMAX_DELAY));
    for (int i = 0; i < 200 && atomic_load(&ends) == 0; i++) {
        vTaskDelay(1);
    }
    TEST_EQ(ESP_OK, atomic_load(&loop_err));
    TEST_EQ(1, atomic_load(&begins));
    TEST_EQ(2, atomic_load(&phases)); /* drain and stop: nothing had to be shut down */
    TEST_EQ(1, atomic_load(&ends));
    TEST_EQ(ESP_OK, end_report.err);
    TEST_EQ(1, end_report.sessions);
    TEST_EQ(PORT, end_report.port);
    esp_event_handler_unregister(base, 1, stop_in_event_loop);
    esp_event_handler_unregister(HTTPD_GRACEFUL_STOP_EVENT, ESP_EVENT_ANY_ID, count_events);
    client_close(client);
    server_end();
}

/* ---- Several servers, and the application's own callbacks ------------------------------------------------------- */

static void one_of_two_servers_stops_alone(void)
{
    server_start();
    httpd_graceful_stop_config_t limits = HTTPD_GRACEFUL_STOP_CONFIG_DEFAULT();
    httpd_graceful_stop_handle_t other;
    TEST_EQ(ESP_OK, httpd_graceful_stop_create(&limits, &other));
    httpd_config_t config = HTTPD_DEFAULT_CONFIG();
    config.server_port = PORT + 1;
    config.ctrl_port++;
    config.max_open_sockets = 3;
    TEST_EQ(ESP_OK, httpd_graceful_stop_start(other, &config));
    client_t *client = client_stream(PORT, "/stream");
    client_t *idle = client_connect(PORT + 1, "");
    wait_for_sessions(other, 1);

    httpd_graceful_stop_report_t report;
    TEST_EQ(ESP_OK, httpd_graceful_stop_stop(other, &report));
    TEST_EQ(PORT + 1, report.port);
    TEST_EQ(1, report.sessions);
    TEST_TRUE(client_wait_end(idle, PATIENCE_MS));
    TEST_TRUE(client_wait_received(client, atomic_load(&client->received) + 20000, PATIENCE_MS)); /* it streams on */
    server_stop_ok();
    client_close(client);
    client_close(idle);
    TEST_EQ(ESP_OK, httpd_graceful_stop_delete(other));
    server_end();
}

static _Atomic int opened, closed;
static _Atomic int reused_fd;

static esp_err_t refuse_the_second(httpd_handle_t server, int fd)
{
    (void)server, (void)fd;
    return atomic_fetch_add(&opened, 1) == 1 ? ESP_FAIL : ESP_OK;
}

static void count_closed(httpd_handle_t server, int fd)
{
    (void)server;
    TEST_EQ(0, close(fd)); /* it is the server's, and open */
    if (atomic_fetch_add(&closed, 1) == 0) {
        reused_fd = socket(AF_INET, SOCK_DGRAM, 0); /* somebody else's from now on */
        TEST_EQ(fd, reused_fd);
    }
}

static void applications_open_fn_and_close_fn_are_called_in_pairs(void)
{
    httpd_graceful_stop_config_t limits = HTTPD_GRACEFUL_STOP_CONFIG_DEFAULT();
    TEST_EQ(ESP_OK, httpd_graceful_stop_create(&limits, &gs));
    int sockets = sockets_free();
    httpd_config_t config = HTTPD_DEFAULT_CONFIG();
    config.server_port = PORT;
    config.open_fn = refuse_the_second;
    config.close_fn = count_closed;
    TEST_EQ(ESP_OK, httpd_graceful_stop_start(gs, &config));
    client_t *clients[3];
    for (int i = 0; i < 3; i++) {
        clients[i] = client_connect(PORT, "");
        client_read(clients[i]);
        TEST_EVENTUALLY(atomic_load(&opened) > i && (i != 1 || atomic_load(&reused_fd) > 0));
    }
    TEST_TRUE(client_wait_end(clients[1], PATIENCE_MS));
    TEST_EQ(CLIENT_OPEN, atomic_load(&clients[0]->end));
    TEST_EQ(CLIENT_OPEN, atomic_load(&clients[2]->end));
    server_stop_ok();
    TEST_EQ(3, atomic_load(&opened));
    TEST_EQ(3, atomic_load(&closed));
    for (int i = 0; i < 3; i++) {
        client_close(clients[i]);
    }
    TEST_EQ(0, close(reused_fd)); /* it was not closed a second time by the server */
    TEST_EQ(sockets, sockets_free());
    server_end();
}

/* ---- What cannot be ended --------------------------------------------------------------------------------------- */

/* One is out; a loop that a busy host has kept from its pings for long is taken for another. */
#define LEFT_OUT (late_ms() < 100 ? 1 : 2)

static void never_ending_handler_times_out_and_a_retry_succeeds(void)
{
    server_start();
    client_t *client = client_stream(PORT, "/never");
    httpd_graceful_stop_report_t report;
    int64_t since_us = esp_timer_get_time();
    TEST_EQ(ESP_ERR_TIMEOUT, httpd_graceful_stop_stop(gs, &report));
    /* Each phase is counted in whole milliseconds, the first of which may be nearly over. */
    TEST_WITHIN(DRAIN_MS + SHUTDOWN_MS - 2, DRAIN_MS + SHUTDOWN_MS + SLACK_MS,
                (esp_timer_get_time() - since_us) / 1000);
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

static void handler_that_never_yields_times_out_and_a_retry_succeeds(void)
{
    server_start();
    client_t *client = client_stream(PORT, "/spin");
    httpd_graceful_stop_report_t report;
    TEST_EQ(ESP_ERR_TIMEOUT, httpd_graceful_stop_stop(gs, &report));
    TEST_EQ(1, report.remaining);
    atomic_store(&never_release, true);
    server_stop_ok();
    client_close(client);
    server_end();
}

/* It goes on using its copy of the request all the time: the session must stay. */
static void worker_that_never_ends_times_out_and_a_retry_succeeds(void)
{
    server_start();
    client_t *client = client_stream(PORT, "/stray");
    httpd_graceful_stop_report_t report;
    TEST_EQ(ESP_ERR_TIMEOUT, httpd_graceful_stop_stop(gs, &report));
    TEST_WITHIN(1, LEFT_OUT, report.remaining);
    TEST_EQ(1, report.forced_count);
    TEST_TRUE(httpd_graceful_stop_server(gs) != NULL);
    atomic_store(&never_release, true);
    TEST_EQ(1, server_stop_ok().forced_count);
    client_close(client);
    server_end();
}

static void lease_that_stays_out_times_out_and_a_retry_succeeds(void)
{
    server_start();
    TEST_EQ(ESP_OK, httpd_graceful_stop_lease(gs));
    httpd_graceful_stop_report_t report;
    TEST_EQ(ESP_ERR_TIMEOUT, httpd_graceful_stop_stop(gs, &report));
    TEST_WITHIN(1, LEFT_OUT, report.remaining);
    TEST_TRUE(httpd_graceful_stop_server(gs) != NULL);
    TEST_EQ(ESP_ERR_INVALID_STATE, httpd_graceful_stop_lease(gs));
    httpd_graceful_stop_release(gs);
    server_stop_ok();
    server_end();
}

/* ---- httpd_stop() itself that does not return ------------------------------------------------------------------- */

static _Atomic bool stop_may_return;

static esp_err_t start_plain(httpd_handle_t *out, void *config)
{
    return httpd_start(out, config);
}

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
        TEST_WITHIN(STOP_MS - 1, STOP_MS + SLACK_MS, (esp_timer_get_time() - since_us) / 1000);
        TEST_EQ(HTTPD_GRACEFUL_STOP_STOP, report.phase);
    }
    atomic_store(&stop_may_return, true);
    server_stop_ok();
    server_end();
}

void app_main(void)
{
    network_up();
    TEST_RUN(repeated_stop_is_ok);
    TEST_RUN(stop_without_a_server_is_ok);
    TEST_RUN(running_server_is_neither_started_again_nor_deleted);
    TEST_RUN(object_can_be_deleted_at_once);
    TEST_RUN(stale_handle_is_noticed_when_another_object_has_its_memory);
    TEST_RUN(two_callers_get_one_result);
    TEST_RUN(object_stays_while_a_call_is_inside);
    TEST_RUN(stop_on_the_servers_own_task_is_refused);
    TEST_RUN(stop_in_an_event_handler_is_ok_and_tells_its_phases);
    TEST_RUN(one_of_two_servers_stops_alone);
    TEST_RUN(applications_open_fn_and_close_fn_are_called_in_pairs);
    TEST_RUN(never_ending_handler_times_out_and_a_retry_succeeds);
    TEST_RUN(handler_that_never_yields_times_out_and_a_retry_succeeds);
    TEST_RUN(worker_that_never_ends_times_out_and_a_retry_succeeds);
    TEST_RUN(lease_that_stays_out_times_out_and_a_retry_succeeds);
    TEST_RUN(server_stop_that_hangs_times_out_and_is_joined);
    TEST_END();
}
