/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Sessions closed from outside: through the server's queue, or behind its back.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "test_client.h"

static httpd_handle_t server;
static char answer[1024];

static esp_err_t say_hello(httpd_req_t *req)
{
    return httpd_resp_sendstr(req, "hello");
}

/* A handler that stays inside until it is let go. */
static _Atomic int inside;
static SemaphoreHandle_t let_go;

static esp_err_t stay(httpd_req_t *req)
{
    inside = 1;
    xSemaphoreTake(let_go, portMAX_DELAY);
    inside = 0;
    return httpd_resp_sendstr(req, "stayed");
}

static void begin(void)
{
    httpd_config_t config = test_config();
    config.max_open_sockets = 2;
    server = test_start(&config);
    test_handle(server, HTTP_GET, "/hello", say_hello);
    test_handle(server, HTTP_GET, "/stay", stay);
    test_log_clear();
}

static void trigger_close_ends_a_served_session(void)
{
    begin();
    int fds[8];
    int fd = client_connect(TEST_PORT);
    client_expect_get(fd, "/hello", "hello");
    TEST_EQ(1, test_client_count(server, fds));
    TEST_EQ(ESP_OK, httpd_sess_update_lru_counter(server, fds[0]));
    TEST_EQ(ESP_ERR_NOT_FOUND, httpd_sess_update_lru_counter(server, 1000));
    TEST_EQ(ESP_ERR_NOT_FOUND, httpd_sess_trigger_close(server, 1000));
    TEST_EQ(ESP_OK, httpd_sess_trigger_close(server, fds[0]));
    TEST_EQ(0, client_read_to_end(fd, answer, sizeof(answer), 1000));
    close(fd);
    test_stop(server);
}

static void trigger_close_spares_a_session_without_a_request(void)
{
    begin();
    int fds[8];
    int fd = client_connect(TEST_PORT);
    test_wait_for_clients(server, 1);
    TEST_EQ(1, test_client_count(server, fds));
    TEST_EQ(ESP_OK, httpd_sess_trigger_close(server, fds[0]));
    TEST_TRUE(client_quiet(fd, 200));
    client_expect_get(fd, "/hello", "hello");
    close(fd);
    test_stop(server);
}

static void nothing(void *arg)
{
    (void)arg;
}

/*
 * Two requests to close one client, some other work between them. After the first the slot is given to a client that
 * was waiting, the work lets that be served, and the second request closes the wrong client.
 */
static void trigger_close_can_hit_a_newer_client(void)
{
    begin();
    int fds[8];
    int meant = client_connect(TEST_PORT);
    client_expect_get(meant, "/hello", "hello");
    TEST_EQ(1, test_client_count(server, fds));
    int meant_fd = fds[0];
    int busy = client_connect(TEST_PORT);
    client_send(busy, "GET /stay HTTP/1.1\r\nHost: board\r\n\r\n");
    TEST_TRUE(test_wait(&inside, 1, 1000));

    int newer = client_connect(TEST_PORT);
    client_send(newer, "GET /hello HTTP/1.1\r\nHost: board\r\n\r\n");
    TEST_EQ(ESP_OK, httpd_sess_trigger_close(server, meant_fd));
    TEST_EQ(ESP_OK, httpd_queue_work(server, nothing, NULL));
    TEST_EQ(ESP_OK, httpd_queue_work(server, nothing, NULL));
    TEST_EQ(ESP_OK, httpd_sess_trigger_close(server, meant_fd));
    xSemaphoreGive(let_go);

    TEST_EQ(0, client_read_to_end(meant, answer, sizeof(answer), 1000));
    TEST_TRUE(client_read_until(newer, answer, sizeof(answer), "hello"));
    TEST_EQ(0, client_read_to_end(newer, answer, sizeof(answer), 1000));
    close(meant);
    close(newer);
    close(busy);
    test_stop(server);
}

/*
 * Somebody closes the number behind the server's back: select() fails, or recv() when the server was on its way there,
 * and only that session ends.
 */
static void a_session_closed_by_a_stranger_is_cleaned_up(void)
{
    begin();
    int fds[8];
    int lost = client_connect(TEST_PORT);
    client_expect_get(lost, "/hello", "hello");
    TEST_EQ(1, test_client_count(server, fds));
    int lost_fd = fds[0];
    int other = client_connect(TEST_PORT);
    client_expect_get(other, "/hello", "hello");
    close(lost_fd);
    test_wait_for_clients(server, 1);
    TEST_TRUE(test_logged("httpd_server: error in select (9)") || test_logged("httpd_sock_err: error in recv : 9"));
    client_expect_get(other, "/hello", "hello");
    close(lost);
    close(other);
    test_stop(server);
}

void app_main(void)
{
    test_board_begin();
    let_go = xSemaphoreCreateBinary();
    TEST_RUN(trigger_close_ends_a_served_session);
    TEST_RUN(trigger_close_spares_a_session_without_a_request);
    TEST_RUN(trigger_close_can_hit_a_newer_client);
    TEST_RUN(a_session_closed_by_a_stranger_is_cleaned_up);
    TEST_END();
}
