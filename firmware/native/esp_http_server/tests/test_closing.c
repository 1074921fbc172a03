/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Sessions closed from outside: through the server's queue, or behind its back.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "test_client.h"

static httpd_handle_t server;
static char answer[1024];

static esp_err_t say_hello(httpd_req_t *req)
{
    return httpd_resp_sendstr(req, "hello");
}

/* Work, and a handler, that keep the server's task until they are let go. */
static _Atomic int entered; /* since begin() */
static SemaphoreHandle_t let_go;

static void stay_in_work(void *arg)
{
    (void)arg;
    entered++;
    xSemaphoreTake(let_go, portMAX_DELAY);
}

static esp_err_t stay(httpd_req_t *req)
{
    stay_in_work(NULL);
    return httpd_resp_sendstr(req, "stayed");
}

static void begin(void)
{
    httpd_config_t config = test_config();
    config.max_open_sockets = 2;
    server = test_start(&config);
    test_handle(server, HTTP_GET, "/hello", say_hello);
    test_handle(server, HTTP_GET, "/stay", stay);
    entered = 0;
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
    TEST_TRUE(test_wait(&entered, 1, 1000));

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
 * ---- A session's socket is closed by a stranger ------------------------------------------------------------------
 *
 * What the server runs into depends on where it is just then; each time that session ends, and no other. In ESP-IDF,
 * httpd_server() (httpd_main.c) logs what select() says, and httpd_sess_delete_invalid() finds the session; one that
 * select() had called ready before fails in httpd_default_recv(), and httpd_sock_err() (httpd_txrx.c) logs that.
 */

#define BAD_SELECT "httpd_server: error in select (9)" /* EBADF */
#define BAD_RECV   "httpd_sock_err: error in recv : 9"

static TaskHandle_t server_task;
static int lost, other; /* two clients that have been served */

static void tell_task(void *arg)
{
    (void)arg;
    server_task = xTaskGetCurrentTaskHandle();
    entered++;
}

/* @return the server's socket of the first of them */
static int begin_with_two_clients(void)
{
    begin();
    int fds[8];
    lost = client_connect(TEST_PORT);
    client_expect_get(lost, "/hello", "hello");
    TEST_EQ(1, test_client_count(server, fds));
    other = client_connect(TEST_PORT);
    client_expect_get(other, "/hello", "hello");
    return fds[0];
}

static void end_with_the_other_alone(void)
{
    test_wait_for_clients(server, 1);
    client_expect_get(other, "/hello", "hello");
    close(lost);
    close(other);
    test_stop(server);
}

/* select() keeps the number, which is taken away when it has returned: it finds a socket that is about to go. */
static void a_session_closed_under_select_makes_it_fail(void)
{
    int lost_fd = begin_with_two_clients();
    TEST_EQ(ESP_OK, httpd_queue_work(server, tell_task, NULL));
    TEST_TRUE(test_wait(&entered, 1, 1000));
    TEST_EVENTUALLY(eTaskGetState(server_task) == eBlocked); /* in select() again */
    vTaskSuspend(server_task);
    close(lost_fd);
    vTaskResume(server_task);
    end_with_the_other_alone();
    TEST_TRUE(test_logged(BAD_SELECT));
    TEST_TRUE(!test_logged("error in recv"));
}

/* A request and some work come together: the work is done first, and when the session's turn comes, it is gone. */
static void a_session_closed_before_its_turn_makes_recv_fail(void)
{
    int lost_fd = begin_with_two_clients();
    TEST_EQ(ESP_OK, httpd_queue_work(server, stay_in_work, NULL));
    TEST_TRUE(test_wait(&entered, 1, 1000));
    client_send(lost, "GET /hello HTTP/1.1\r\nHost: board\r\n\r\n");
    TEST_EQ(ESP_OK, httpd_queue_work(server, stay_in_work, NULL));
    xSemaphoreGive(let_go);
    TEST_TRUE(test_wait(&entered, 2, 1000));
    close(lost_fd);
    xSemaphoreGive(let_go);
    end_with_the_other_alone();
    TEST_TRUE(test_logged(BAD_RECV));
    TEST_TRUE(!test_logged("error in select"));
}

/* To lwIP's select() a number that is nobody's is a socket that has something to say, as at its end; recv() knows. */
static void a_session_closed_outside_of_select_makes_recv_fail(void)
{
    int lost_fd = begin_with_two_clients();
    TEST_EQ(ESP_OK, httpd_queue_work(server, stay_in_work, NULL));
    TEST_TRUE(test_wait(&entered, 1, 1000));
    close(lost_fd);
    xSemaphoreGive(let_go);
    end_with_the_other_alone();
    TEST_TRUE(test_logged(BAD_RECV));
    TEST_TRUE(!test_logged("error in select"));
}

void app_main(void)
{
    test_board_begin();
    let_go = xSemaphoreCreateBinary();
    TEST_RUN(trigger_close_ends_a_served_session);
    TEST_RUN(trigger_close_spares_a_session_without_a_request);
    TEST_RUN(trigger_close_can_hit_a_newer_client);
    TEST_RUN(a_session_closed_under_select_makes_it_fail);
    TEST_RUN(a_session_closed_before_its_turn_makes_recv_fail);
    TEST_RUN(a_session_closed_outside_of_select_makes_recv_fail);
    TEST_END();
}
