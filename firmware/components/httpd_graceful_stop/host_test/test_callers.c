/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Who may call stop(), how often, and what they get.
 */
#include <string.h>
#include <unistd.h>

#include "board_test.h"
#include "client.h"
#include "esp_event.h"
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

static void two_callers_get_one_result(void)
{
    server_start();
    client_t *client = client_stream(PORT, "/stream");
    caller_t callers[2];
    TEST_EQ(ESP_OK, httpd_graceful_stop_lease(gs)); /* it does not end before */
    int64_t since_us = esp_timer_get_time();
    caller_begin(&callers[0]);
    TEST_EVENTUALLY(httpd_graceful_stop_stopping(gs));
    vTaskDelay(pdMS_TO_TICKS(250));
    caller_begin(&callers[1]);
    vTaskDelay(pdMS_TO_TICKS(20)); /* and is inside */
    TEST_EQ(ESP_OK, httpd_graceful_stop_release(gs));
    caller_end(&callers[0]);
    caller_end(&callers[1]);
    int64_t took_ms = (esp_timer_get_time() - since_us) / 1000;
    TEST_EQ(0, memcmp(&callers[0].report, &callers[1].report, sizeof(callers[0].report)));
    TEST_EQ(1, callers[0].report.sessions);
    IN_TIME(-2, PROMPT_MS, took_ms - callers[0].report.total_ms); /* counted from the first call */
    client_close(client);
    server_end();
}

static _Atomic unsigned timeouts;

static void retrying_task(void *done)
{
    while (httpd_graceful_stop_stop(gs, NULL) == ESP_ERR_TIMEOUT) {
        atomic_fetch_add(&timeouts, 1);
    }
    xSemaphoreGive((SemaphoreHandle_t)done);
    vTaskDelete(NULL);
}

/* Who retries is faster: by the time that who joined gets to run, the next attempt is under way. */
static void who_joined_an_attempt_is_not_kept_for_the_next_one(void)
{
    server_start();
    TEST_EQ(ESP_OK, httpd_graceful_stop_lease(gs)); /* no attempt succeeds before it is given back */
    SemaphoreHandle_t done = xSemaphoreCreateBinary();
    TaskHandle_t retrying;
    TEST_TRUE(xTaskCreate(retrying_task, "retrying", 4096, done, 5, &retrying) == pdPASS);
    TEST_EVENTUALLY(httpd_graceful_stop_stopping(gs));
    caller_t joined;
    caller_begin(&joined);
    TEST_EVENTUALLY(eTaskGetState(joined.task) == eBlocked); /* it waits for the attempt's end */
    vTaskSuspend(joined.task);
    unsigned before = atomic_load(&timeouts);
    TEST_EVENTUALLY(atomic_load(&timeouts) > before && eTaskGetState(retrying) == eBlocked); /* in the next attempt */
    int64_t since_us = esp_timer_get_time();
    vTaskResume(joined.task);
    TEST_EQ(ESP_ERR_TIMEOUT, caller_end_with(&joined));
    IN_TIME(0, PROMPT_MS, (esp_timer_get_time() - since_us) / 1000);
    TEST_EQ(ESP_OK, httpd_graceful_stop_release(gs));
    TEST_TRUE(xSemaphoreTake(done, pdMS_TO_TICKS(PATIENCE_MS)) == pdTRUE);
    vSemaphoreDelete(done);
    server_stop_ok();
    server_end();
}

/* ---- On the server's own task ----------------------------------------------------------------------------------- */

static _Atomic int own_task_err;

static void call_on_own_task(void)
{
    int64_t since_us = esp_timer_get_time();
    atomic_store(&own_task_err, httpd_graceful_stop_stop(gs, NULL));
    IN_TIME(0, 20, (esp_timer_get_time() - since_us) / 1000);
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

static const char *const base = "TEST_BASE";

static void give(void *arg, esp_event_base_t of, int32_t id, void *data)
{
    (void)of, (void)id, (void)data;
    xSemaphoreGive((SemaphoreHandle_t)arg);
}

/* What was posted before has been handled. */
static void let_the_loop_run_dry(void)
{
    SemaphoreHandle_t done = xSemaphoreCreateBinary();
    TEST_EQ(ESP_OK, esp_event_handler_register(base, 2, give, done));
    TEST_EQ(ESP_OK, esp_event_post(base, 2, NULL, 0, portMAX_DELAY));
    TEST_TRUE(xSemaphoreTake(done, pdMS_TO_TICKS(PATIENCE_MS)) == pdTRUE);
    TEST_EQ(ESP_OK, esp_event_handler_unregister(base, 2, give));
    vSemaphoreDelete(done);
}

static void stop_in_an_event_handler_is_ok_and_tells_its_phases(void)
{
    let_the_loop_run_dry(); /* of the stops before */
    server_start();
    client_t *client = client_stream(PORT, "/stream");
    TEST_EQ(ESP_OK, esp_event_handler_register(base, 1, stop_in_event_loop, NULL));
    TEST_EQ(ESP_OK, esp_event_handler_register(HTTPD_GRACEFUL_STOP_EVENT, ESP_EVENT_ANY_ID, count_events, NULL));
    atomic_store(&loop_err, ESP_FAIL);
    begins = phases = ends = 0;
    TEST_EQ(ESP_OK, esp_event_post(base, 1, NULL, 0, portMAX_DELAY));
    let_the_loop_run_dry(); /* the stop is over, and has posted its events behind this */
    let_the_loop_run_dry();
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

void app_main(void)
{
    network_up();
    TIMED_RUN(repeated_stop_is_ok);
    TIMED_RUN(stop_without_a_server_is_ok);
    TIMED_RUN(two_callers_get_one_result);
    TIMED_RUN(who_joined_an_attempt_is_not_kept_for_the_next_one);
    TIMED_RUN(stop_on_the_servers_own_task_is_refused);
    TIMED_RUN(stop_in_an_event_handler_is_ok_and_tells_its_phases);
    TEST_END();
}
