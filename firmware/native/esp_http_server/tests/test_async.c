/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Requests answered by a worker: the server serves others meanwhile and leaves the worker's session alone.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "esp_heap_caps.h"
#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "heap_arena.h"
#include "test_client.h"

static httpd_handle_t server;
static char answer[1024];
static QueueHandle_t requests;
static SemaphoreHandle_t let_go;
static _Atomic int working, completed;

static esp_err_t say_hello(httpd_req_t *req)
{
    return httpd_resp_sendstr(req, "hello");
}

static esp_err_t hand_over(httpd_req_t *req)
{
    httpd_req_t *copy = NULL;
    TEST_EQ(ESP_OK, httpd_resp_set_hdr(req, "X-Before", "copied"));
    esp_err_t err = httpd_req_async_handler_begin(req, &copy);
    if (err != ESP_OK) {
        return httpd_resp_send_500(req) == ESP_OK ? ESP_FAIL : err;
    }
    TEST_EQ(pdTRUE, xQueueSend(requests, &copy, 0));
    return ESP_OK;
}

static void worker(void *arg)
{
    (void)arg;
    for (;;) {
        httpd_req_t *req;
        char text[16];
        xQueueReceive(requests, &req, portMAX_DELAY);
        TEST_EQ(ESP_OK, httpd_req_get_hdr_value_str(req, "X-Who", text, sizeof(text)));
        if (req->content_len > 0) {
            TEST_EQ(4, httpd_req_recv(req, text, 4)); /* the body is the worker's too */
            text[4] = '\0';
        }
        working = 1;
        xSemaphoreTake(let_go, portMAX_DELAY);
        TEST_EQ(ESP_OK, httpd_resp_sendstr_chunk(req, text));
        TEST_EQ(ESP_OK, httpd_resp_sendstr_chunk(req, NULL));
        working = 0;
        TEST_EQ(ESP_OK, httpd_req_async_handler_complete(req));
        completed++;
    }
}

static void begin(void)
{
    httpd_config_t config = test_config();
    server = test_start(&config);
    test_handle(server, HTTP_GET, "/hello", say_hello);
    test_handle(server, HTTP_GET, "/slow", hand_over);
    test_handle(server, HTTP_POST, "/slow", hand_over);
    completed = 0;
}

static int begin_work(const char *request)
{
    int fd = client_connect(TEST_PORT);
    client_send(fd, request);
    TEST_TRUE(test_wait(&working, 1, 1000));
    return fd;
}

static void a_worker_answers_while_others_are_served(void)
{
    begin();
    int slow = begin_work("GET /slow HTTP/1.1\r\nX-Who: worker\r\n\r\n");
    int quick = client_connect(TEST_PORT);
    client_expect_get(quick, "/hello", "hello");
    client_expect_get(quick, "/hello", "hello");
    xSemaphoreGive(let_go);
    TEST_TRUE(client_read_until(slow, answer, sizeof(answer), "0\r\n\r\n"));
    TEST_TRUE(strstr(answer, "\r\nX-Before: copied\r\n") != NULL);
    TEST_TRUE(strstr(answer, "6\r\nworker\r\n") != NULL);
    TEST_TRUE(test_wait(&completed, 1, 1000));
    client_expect_get(slow, "/hello", "hello"); /* the session is the server's again */
    close(slow);
    close(quick);
    test_stop(server);
}

static void the_session_is_left_alone_until_it_is_complete(void)
{
    begin();
    int fd = begin_work("GET /slow HTTP/1.1\r\nX-Who: first\r\n\r\n");
    client_send(fd, "GET /hello HTTP/1.1\r\nHost: board\r\n\r\n");
    TEST_TRUE(client_quiet(fd, 200));
    xSemaphoreGive(let_go);
    TEST_TRUE(client_read_until(fd, answer, sizeof(answer), "5\r\nfirst\r\n0\r\n\r\n"));
    /* Nothing else happens on the server: completing must wake it by itself. */
    TEST_TRUE(client_read_until(fd, answer, sizeof(answer), "hello"));
    close(fd);
    test_stop(server);
}

static void a_worker_reads_the_body(void)
{
    begin();
    int fd = begin_work("POST /slow HTTP/1.1\r\nX-Who: body\r\nContent-Length: 4\r\n\r\nabcd");
    xSemaphoreGive(let_go);
    TEST_TRUE(client_read_until(fd, answer, sizeof(answer), "4\r\nabcd\r\n0\r\n\r\n"));
    TEST_TRUE(test_wait(&completed, 1, 1000));
    client_expect_get(fd, "/hello", "hello");
    close(fd);
    test_stop(server);
}

static void a_session_at_work_is_not_purged(void)
{
    httpd_config_t config = test_config();
    config.max_open_sockets = 2;
    config.lru_purge_enable = true;
    server = test_start(&config);
    test_handle(server, HTTP_GET, "/hello", say_hello);
    test_handle(server, HTTP_GET, "/slow", hand_over);
    int oldest = begin_work("GET /slow HTTP/1.1\r\nX-Who: old\r\n\r\n");
    int second = client_connect(TEST_PORT);
    client_expect_get(second, "/hello", "hello");
    int third = client_connect(TEST_PORT);
    client_expect_get(third, "/hello", "hello");
    TEST_EQ(0, client_read_to_end(second, answer, sizeof(answer), 1000));
    xSemaphoreGive(let_go);
    TEST_TRUE(client_read_until(oldest, answer, sizeof(answer), "3\r\nold\r\n0\r\n\r\n"));
    close(oldest);
    close(second);
    close(third);
    test_sleep_ms(50);
    test_stop(server);
}

static esp_err_t hand_over_without_memory(httpd_req_t *req)
{
    size_t heap = heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
    for (long k = 0; k < 3; k++) {
        httpd_req_t *copy = NULL;
        heap_arena_fail_after(k);
        esp_err_t err = httpd_req_async_handler_begin(req, &copy);
        heap_arena_fail_after(-1);
        TEST_EQ(ESP_ERR_NO_MEM, err);
        TEST_TRUE(copy == NULL);
    }
    TEST_EQ(heap, heap_caps_get_free_size(MALLOC_CAP_DEFAULT));
    return httpd_resp_sendstr(req, "no memory"); /* the session is still the server's */
}

static void without_memory_there_is_no_copy(void)
{
    begin();
    test_handle(server, HTTP_GET, "/none", hand_over_without_memory);
    httpd_req_t *copy = NULL;
    httpd_req_t req = {0};
    TEST_EQ(ESP_ERR_INVALID_ARG, httpd_req_async_handler_begin(NULL, &copy));
    TEST_EQ(ESP_ERR_INVALID_ARG, httpd_req_async_handler_begin(&req, NULL));
    TEST_EQ(ESP_ERR_INVALID_ARG, httpd_req_async_handler_complete(NULL));
    int fd = client_connect(TEST_PORT);
    test_sleep_ms(50);
    client_expect_get(fd, "/none", "no memory");
    client_expect_get(fd, "/hello", "hello");
    close(fd);
    test_stop(server);
}

/* httpd_stop() knows nothing of workers: it returns while one is still at it. (The worker gives up before it touches
 * anything: what it would touch has been freed.) */
static void stop_does_not_wait_for_a_worker(void)
{
    begin();
    int fd = begin_work("GET /slow HTTP/1.1\r\nX-Who: late\r\n\r\n");
    TEST_WITHIN(0, 220, test_stop(server));
    TEST_EQ(1, working);
    TEST_EQ(0, client_read_to_end(fd, answer, sizeof(answer), 1000)); /* its client was cut off */
    close(fd);
}

void app_main(void)
{
    test_board_begin();
    let_go = xSemaphoreCreateBinary();
    requests = xQueueCreate(4, sizeof(httpd_req_t *));
    test_task(worker, "worker", NULL);
    TEST_RUN(a_worker_answers_while_others_are_served);
    TEST_RUN(the_session_is_left_alone_until_it_is_complete);
    TEST_RUN(a_worker_reads_the_body);
    TEST_RUN(a_session_at_work_is_not_purged);
    TEST_RUN(without_memory_there_is_no_copy);
    TEST_RUN(stop_does_not_wait_for_a_worker); /* last: its worker never comes back */
    TEST_END();
}
