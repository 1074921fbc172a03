/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * An object's life: made, used by several at once, deleted; one for each server; and the application's own callbacks.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "board_test.h"
#include "client.h"
#include "server.h"

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

static SemaphoreHandle_t deleted;

static void deleting_task(void *arg)
{
    (void)arg;
    TEST_EQ(ESP_OK, httpd_graceful_stop_delete(gs));
    xSemaphoreGive(deleted);
    vTaskDelete(NULL);
}

/* Of two callers, one is held up inside stop() when the other deletes the object. */
static void object_stays_while_a_call_is_inside(void)
{
    server_start();
    atomic_store(&frame_ms, 200);
    client_t *client = client_stream(PORT, "/stream");
    caller_t slow;
    caller_begin(&slow);
    TEST_EVENTUALLY(httpd_graceful_stop_stopping(gs)); /* so it is inside, and waits for the stream's next frame */
    vTaskSuspend(slow.task);
    server_stop_ok();
    deleted = xSemaphoreCreateBinary();
    TEST_TRUE(xTaskCreate(deleting_task, "deleter", 4096, NULL, 5, NULL) == pdPASS);
    TEST_TRUE(xSemaphoreTake(deleted, pdMS_TO_TICKS(200)) == pdFALSE);
    vTaskResume(slow.task);
    caller_end(&slow);
    TEST_TRUE(xSemaphoreTake(deleted, pdMS_TO_TICKS(PATIENCE_MS)) == pdTRUE);
    vSemaphoreDelete(deleted);
    client_close(client);
    gs = NULL;
}

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
    opened = closed = reused_fd = 0;
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

void app_main(void)
{
    network_up();
    TIMED_RUN(running_server_is_neither_started_again_nor_deleted);
    TIMED_RUN(object_can_be_deleted_at_once);
    TIMED_RUN(stale_handle_is_noticed_when_another_object_has_its_memory);
    TIMED_RUN(object_stays_while_a_call_is_inside);
    TIMED_RUN(one_of_two_servers_stops_alone);
    TIMED_RUN(applications_open_fn_and_close_fn_are_called_in_pairs);
    TEST_END();
}
