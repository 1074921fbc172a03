/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * httpd_stop(): what it takes, what it waits for, and what makes it wait for ever.
 */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "esp_event.h"
#include "esp_heap_caps.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "test_client.h"

#define FRAME_BYTES 4096
#define PEER_PORT   8099

static httpd_handle_t server;
static char answer[1024];

static esp_err_t say_hello(httpd_req_t *req)
{
    return httpd_resp_sendstr(req, "hello");
}

/* A camera's stream as people write it: it goes on until sending fails. */
static _Atomic int frames, streaming, stream_fd;
static volatile uint32_t frame_interval_ms;

static esp_err_t stream(httpd_req_t *req)
{
    static char frame[FRAME_BYTES];
    memset(frame, 'v', sizeof(frame));
    stream_fd = httpd_req_to_sockfd(req);
    frames = 0;
    streaming = 1;
    while (httpd_resp_send_chunk(req, frame, sizeof(frame)) == ESP_OK) {
        frames++;
        test_sleep_ms(frame_interval_ms);
    }
    streaming = 0;
    return ESP_FAIL;
}

static _Atomic int stopped;
static volatile esp_err_t stop_result;

static void stop_in_a_task(void *arg)
{
    stop_result = httpd_stop(arg);
    stopped = 1;
    vTaskDelete(NULL);
}

static void begin(void)
{
    httpd_config_t config = test_config();
    server = test_start(&config);
    test_handle(server, HTTP_GET, "/hello", say_hello);
    test_handle(server, HTTP_GET, "/stream", stream);
    stopped = 0;
    test_log_clear();
}

static int begin_stream(uint32_t interval_ms)
{
    frame_interval_ms = interval_ms;
    int fd = client_connect(TEST_PORT);
    client_send(fd, "GET /stream HTTP/1.1\r\nHost: board\r\n\r\n");
    TEST_TRUE(test_wait(&streaming, 1, 1000));
    return fd;
}

/* ---- Clean stops ------------------------------------------------------------------------------------------------ */

static void idle_sessions_do_not_hold_it_up(void)
{
    begin();
    int fd = client_connect(TEST_PORT);
    client_expect_get(fd, "/hello", "hello");
    TEST_WITHIN(0, 220, test_stop(server)); /* at most two turns of its 100 ms poll */
    TEST_EQ(0, client_read_to_end(fd, answer, sizeof(answer), 1000));
    close(fd);
}

static void it_can_be_started_again_at_once(void)
{
    begin();
    test_stop(server);
    begin();
    int fd = client_connect(TEST_PORT);
    client_expect_get(fd, "/hello", "hello");
    close(fd);
    test_stop(server);
}

#if TEST_SERVER_SINCE(5, 1)
static int events[HTTP_SERVER_EVENT_STOP + 1];
static int connected_fd, disconnected_fd;
static _Atomic int stop_events;

static void count_event(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    (void)arg;
    (void)base;
    events[id]++;
    if (id == HTTP_SERVER_EVENT_ON_CONNECTED) {
        connected_fd = *(int *)data;
    } else if (id == HTTP_SERVER_EVENT_DISCONNECTED) {
        disconnected_fd = *(int *)data;
    } else if (id == HTTP_SERVER_EVENT_STOP) {
        stop_events++;
    }
}

static void events_tell_its_life(void)
{
    test_sleep_ms(100); /* the events of earlier servers have been handled */
    TEST_EQ(ESP_OK, esp_event_handler_register(ESP_HTTP_SERVER_EVENT, ESP_EVENT_ANY_ID, count_event, NULL));
    begin();
    int fd = client_connect(TEST_PORT);
    client_expect_get(fd, "/hello", "hello");
    test_stop(server);
    TEST_TRUE(test_wait(&stop_events, 1, 1000));
    TEST_EQ(1, events[HTTP_SERVER_EVENT_START]);
    TEST_EQ(1, events[HTTP_SERVER_EVENT_ON_CONNECTED]);
    TEST_EQ(1, events[HTTP_SERVER_EVENT_ON_HEADER]);
    TEST_EQ(1, events[HTTP_SERVER_EVENT_HEADERS_SENT]);
    TEST_EQ(1, events[HTTP_SERVER_EVENT_SENT_DATA]);
    TEST_EQ(1, events[HTTP_SERVER_EVENT_DISCONNECTED]);
    TEST_EQ(0, events[HTTP_SERVER_EVENT_ERROR]);
    TEST_TRUE(connected_fd > 0);
    TEST_EQ(connected_fd, disconnected_fd);
    TEST_EQ(ESP_OK, esp_event_handler_unregister(ESP_HTTP_SERVER_EVENT, ESP_EVENT_ANY_ID, count_event));
    close(fd);
}
#endif

static void nothing_grows_in_fifty_cycles(void)
{
    size_t heap = 0;
    unsigned sockets = 0;
    UBaseType_t tasks = 0;
    for (int cycle = 0; cycle < 52; cycle++) {
        begin();
        int fd = client_connect(TEST_PORT);
        client_expect_get(fd, "/hello", "hello");
        /* Closed with an answer unread, so with RST: after a FIN one end would stay in TIME-WAIT with its memory. */
        client_send(fd, "GET /hello HTTP/1.1\r\nHost: board\r\n\r\n");
        test_sleep_ms(50);
        close(fd);
        test_stop(server);
        test_sleep_ms(50);                 /* the idle task frees the stack */
        if (cycle == 2) {                  /* what is taken once has been */
            sockets = test_free_sockets(); /* before: up to 4.4 a socket keeps a mutex once it was used */
            heap = heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
            tasks = uxTaskGetNumberOfTasks();
        }
    }
    TEST_EQ(sockets, test_free_sockets());
    TEST_EQ(tasks, uxTaskGetNumberOfTasks());
    /* A block more or less left over from a split is no growth; the least that fifty leaks could lose is more. */
    TEST_WITHIN(heap - 512, heap + 512, heap_caps_get_free_size(MALLOC_CAP_DEFAULT));
}

/* ---- Stops that wait -------------------------------------------------------------------------------------------- */

static void a_stream_makes_it_hang_until_the_client_leaves(void)
{
    begin();
    int fd = begin_stream(10);
    test_task(stop_in_a_task, "stop", server);
    int64_t end_ms = test_now_ms() + 1500;
    while (test_now_ms() < end_ms) {
        client_read_exactly(fd, answer, sizeof(answer));
    }
    TEST_EQ(0, stopped);
    TEST_EQ(1, streaming);
    TEST_TRUE(frames > 20);
    close(fd);
    TEST_TRUE(test_wait(&stopped, 1, 400));
    TEST_EQ(ESP_OK, stop_result);
    TEST_TRUE(test_logged("httpd_sock_err: error in send : "));
}

static void wait_until_blocked_in_send(void)
{
    for (int before = -1; before != frames;) {
        before = frames;
        test_sleep_ms(300);
    }
    TEST_EQ(1, streaming);
}

static void shutdown_from_another_task_ends_a_blocked_send(void)
{
    begin();
    int fd = begin_stream(10); /* and never reads */
    wait_until_blocked_in_send();
    int64_t begin_ms = test_now_ms();
    TEST_EQ(0, shutdown(stream_fd, SHUT_RDWR));
    TEST_TRUE(test_wait(&streaming, 0, 100));
    TEST_WITHIN(0, 100, test_now_ms() - begin_ms);
    TEST_WITHIN(0, 220, test_stop(server));
    char text[64];
    snprintf(text, sizeof(text), "httpd_sock_err: error in send : %d", ENOTCONN);
    TEST_TRUE(test_logged(text));
    close(fd);
}

static void a_stalled_reader_ends_by_the_send_timeout(void)
{
    httpd_config_t config = test_config();
    config.send_wait_timeout = 1;
    server = test_start(&config);
    test_handle(server, HTTP_GET, "/stream", stream);
    stopped = 0;
    int fd = begin_stream(10);
    wait_until_blocked_in_send();
    test_task(stop_in_a_task, "stop", server);
    /* One short send, then one that times out; lwIP looks at its limits once a second. */
    TEST_TRUE(test_wait(&stopped, 1, 2 * (1000 + 1000) + 300));
    TEST_TRUE(test_logged("httpd_sock_err: error in send : 11"));
    close(fd);
}

/* What the article's closesocket() on a remembered number risks: the number is given out again under the handler. */
static void closing_the_number_of_a_running_stream_misleads_it(void)
{
    begin();
    int client = begin_stream(50);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(PEER_PORT), .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    TEST_EQ(0, bind(listener, (struct sockaddr *)&address, sizeof(address)));
    TEST_EQ(0, listen(listener, 1));
    for (int i = 0; i < 3; i++) {
        client_read_exactly(client, answer, sizeof(answer));
    }
    int number = stream_fd;
    TEST_EQ(0, close(number));
    int stranger = socket(AF_INET, SOCK_STREAM, 0);
    TEST_EQ(number, stranger);
    TEST_EQ(0, connect(stranger, (struct sockaddr *)&address, sizeof(address)));
    int peer = accept(listener, NULL, NULL);
    TEST_TRUE(peer >= 0);
    client_read_exactly(peer, answer, 100);
    answer[100] = '\0';
    TEST_TRUE(strstr(answer, "vvvv") != NULL); /* the video, at a peer that never asked for it */
    TEST_EQ(0, shutdown(stranger, SHUT_RDWR));
    TEST_TRUE(test_wait(&streaming, 0, 1000));
    close(peer);
    close(listener);
    close(client);
    test_stop(server);
}

/* ---- Lost control datagrams ------------------------------------------------------------------------------------- */

static _Atomic int inside, work_done;
static SemaphoreHandle_t let_go;

static esp_err_t stay(httpd_req_t *req)
{
    inside = 1;
    xSemaphoreTake(let_go, portMAX_DELAY);
    inside = 0;
    return httpd_resp_sendstr(req, "stayed");
}

static void count_work(void *arg)
{
    (void)arg;
    work_done++;
}

static int begin_stay(void)
{
    begin();
    test_handle(server, HTTP_GET, "/stay", stay);
    work_done = 0;
    int fd = client_connect(TEST_PORT);
    client_send(fd, "GET /stay HTTP/1.1\r\nHost: board\r\n\r\n");
    TEST_TRUE(test_wait(&inside, 1, 1000));
    return fd;
}

static void work_beyond_the_mailbox_is_lost_without_a_word(void)
{
    int fd = begin_stay();
    for (int i = 0; i < CONFIG_LWIP_UDP_RECVMBOX_SIZE + 6; i++) {
        TEST_EQ(ESP_OK, httpd_queue_work(server, count_work, NULL));
    }
    xSemaphoreGive(let_go);
    TEST_TRUE(client_read_until(fd, answer, sizeof(answer), "stayed"));
    client_expect_get(fd, "/hello", "hello");
    TEST_TRUE(test_wait(&work_done, CONFIG_LWIP_UDP_RECVMBOX_SIZE, 1000));
    test_sleep_ms(100);
    TEST_EQ(CONFIG_LWIP_UDP_RECVMBOX_SIZE, work_done);
    close(fd);
    test_stop(server);
}

static void work_queued_behind_a_stop_is_dropped(void)
{
    int fd = begin_stay();
    test_task(stop_in_a_task, "stop", server);
    test_sleep_ms(100);
    TEST_EQ(ESP_OK, httpd_queue_work(server, count_work, NULL));
    xSemaphoreGive(let_go);
    TEST_TRUE(test_wait(&stopped, 1, 1000));
    TEST_EQ(ESP_OK, stop_result);
    TEST_EQ(0, work_done);
    close(fd);
}

/* Last: nothing can bring this stop back. */
static void a_lost_shutdown_hangs_for_ever(void)
{
    int fd = begin_stay();
    for (int i = 0; i < CONFIG_LWIP_UDP_RECVMBOX_SIZE; i++) {
        TEST_EQ(ESP_OK, httpd_queue_work(server, count_work, NULL));
    }
    test_task(stop_in_a_task, "stop", server);
    test_sleep_ms(100);
    xSemaphoreGive(let_go);
    TEST_TRUE(client_read_until(fd, answer, sizeof(answer), "stayed"));
    TEST_TRUE(test_wait(&work_done, CONFIG_LWIP_UDP_RECVMBOX_SIZE, 1000));
    test_sleep_ms(1000);
    TEST_EQ(0, stopped);
    client_expect_get(fd, "/hello", "hello"); /* the server goes on as if nobody had asked */
}

void app_main(void)
{
    test_board_begin();
    let_go = xSemaphoreCreateBinary();
    TEST_RUN(idle_sessions_do_not_hold_it_up);
    TEST_RUN(it_can_be_started_again_at_once);
#if TEST_SERVER_SINCE(5, 1)
    TEST_RUN(events_tell_its_life);
#endif
    TEST_RUN(nothing_grows_in_fifty_cycles);
    TEST_RUN(a_stream_makes_it_hang_until_the_client_leaves);
    TEST_RUN(shutdown_from_another_task_ends_a_blocked_send);
    TEST_RUN(a_stalled_reader_ends_by_the_send_timeout);
    TEST_RUN(closing_the_number_of_a_running_stream_misleads_it);
    TEST_RUN(work_beyond_the_mailbox_is_lost_without_a_word);
    TEST_RUN(work_queued_behind_a_stop_is_dropped);
    TEST_RUN(a_lost_shutdown_hangs_for_ever);
    TEST_END();
}
