/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What is left behind: nothing in memory, sockets and tasks after many stops, and no byte on a socket of somebody else
 * that got the number of one of the server's.
 */
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "board_test.h"
#include "client.h"
#include "esp_heap_caps.h"
#include "lwip/init.h"
#include "server.h"

#define CYCLES      60   /* in an ordinary run */
#define LONG_CYCLES 1000 /* with "long" on the command line */
#define WARM_CYCLES 20   /* by then whatever is allocated once has been */

static void settle(void)
{
    vTaskDelay(pdMS_TO_TICKS(100)); /* the clients' tasks are freed by IDLE */
    expire_closing_connections();
}

static int cycles = CYCLES;

static void many_cycles_leave_nothing_behind(void)
{
    static const char *const paths[] = {"/stream", HAS_ASYNC ? "/async" : "/deaf", "/dropin"};
    size_t heap = 0;
    UBaseType_t tasks = 0;
    int sockets = 0;
    server_start();
    httpd_graceful_stop_set_limits(gs, 50, SHUTDOWN_MS, STOP_MS);
    for (int cycle = 0; cycle < cycles; cycle++) {
        client_t *websocket = client_websocket(PORT, "/ws", true); /* first: a stream inline lets nobody else in */
        client_t *stream = client_stream(PORT, paths[cycle % 3]);
        server_stop_ok();
        client_close(stream);
        client_close(websocket);
        if (cycle % 50 == 0) { /* two minutes' worth of connections that are closing would fill the heap */
            expire_closing_connections();
        }
        if (cycle == WARM_CYCLES || cycle == cycles - 1) {
            settle();
            if (cycle == WARM_CYCLES) {
                sockets = sockets_free(); /* before: up to ESP-IDF 4.4 a socket keeps a mutex once it was used */
                heap = heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
                tasks = uxTaskGetNumberOfTasks();
            } else {
                printf("  from cycle %d to %d: free heap %zu to %zu bytes, tasks %u to %u, free sockets %d to %d\n",
                       WARM_CYCLES, cycle, heap, heap_caps_get_free_size(MALLOC_CAP_DEFAULT), (unsigned)tasks,
                       (unsigned)uxTaskGetNumberOfTasks(), sockets, sockets_free());
                TEST_EQ(tasks, uxTaskGetNumberOfTasks());
                TEST_EQ(sockets, sockets_free());
                /* A packet may be under way at either end; a leak of 16 bytes a cycle is more than that. */
                TEST_WITHIN(heap - 256, heap + 1024, heap_caps_get_free_size(MALLOC_CAP_DEFAULT));
            }
        }
        if (cycle < cycles - 1) {
            server_start_again();
        }
    }
    server_end();
}

static void object_gives_all_its_memory_back(void)
{
    size_t before = 0;
    for (int i = 0; i < 20; i++) {
        if (i == 4) {
            settle();
            before = heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
        }
        server_start();
        server_stop_ok();
        server_end();
    }
    settle();
    TEST_WITHIN(before - 255, before + 1024, heap_caps_get_free_size(MALLOC_CAP_DEFAULT)); /* as above */
}

/* ---- fd canary -------------------------------------------------------------------------------------------------- */

#define CANARY_PORT 9090

static int listen_on(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(port)};
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    TEST_EQ(0, bind(fd, (struct sockaddr *)&own, sizeof(own)));
    TEST_EQ(0, listen(fd, 8));
    return fd;
}

typedef struct {
    int listener;
    _Atomic bool stop;
    unsigned pairs;
    SemaphoreHandle_t done;
} canary_t;

/* Opens connections of its own as fast as it can, so that it gets each fd the server lets go of, at once. */
static void canary_task(void *arg)
{
    canary_t *canary = arg;
    int near[4], far[4];
    while (!atomic_load(&canary->stop)) {
        int count = 0;
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(CANARY_PORT)};
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        while (count < 2) {
            near[count] = socket(AF_INET, SOCK_STREAM, 0);
            if (near[count] < 0) {
                break; /* all are taken just now */
            }
            if (connect(near[count], (struct sockaddr *)&to, sizeof(to)) != 0 ||
                (far[count] = accept(canary->listener, NULL, NULL)) < 0) {
                close(near[count]);
                break;
            }
            count++;
        }
        vTaskDelay(1);
        for (int i = 0; i < count; i++) { /* both ends are open, and nothing has come */
            char byte;
            TEST_EQ(-1, recv(near[i], &byte, 1, MSG_DONTWAIT));
            TEST_EQ(-1, recv(far[i], &byte, 1, MSG_DONTWAIT));
            TEST_EQ(1, send(near[i], "!", 1, 0));
            TEST_EQ(1, recv(far[i], &byte, 1, 0));
            TEST_EQ('!', byte);
            close(near[i]);
            close(far[i]);
            canary->pairs++;
        }
    }
    xSemaphoreGive(canary->done);
    vTaskDelete(NULL);
}

static void no_byte_reaches_a_socket_that_reuses_an_fd(void)
{
    canary_t canary = {.listener = listen_on(CANARY_PORT), .done = xSemaphoreCreateBinary()};
    server_start();
    httpd_graceful_stop_set_limits(gs, 50, SHUTDOWN_MS, STOP_MS);
    TEST_TRUE(xTaskCreate(canary_task, "canary", 4096, &canary, 7, NULL) == pdPASS);
    for (int cycle = 0; cycle < 10; cycle++) {
        client_t *stalled = client_connect(PORT, "GET /async HTTP/1.1\r\nHost: board\r\n\r\n");
        client_t *left = client_stream(PORT, "/hello");
        client_t *dropin = client_stream(PORT, "/dropin");
        client_close(left); /* its fd is somebody else's by the time that the others are shut down */
        server_stop_ok();
        client_close(stalled);
        client_close(dropin);
        server_start_again();
    }
    atomic_store(&canary.stop, true);
    TEST_TRUE(xSemaphoreTake(canary.done, pdMS_TO_TICKS(PATIENCE_MS)) == pdTRUE);
    TEST_TRUE(canary.pairs > 10);
    vSemaphoreDelete(canary.done);
    close(canary.listener);
    server_stop_ok();
    server_end();
}

static int listener;
static _Atomic bool reused;

/* The client's fd is another's at once, and the shutdown phase comes while this is still at work. */
static void close_and_reuse(httpd_handle_t server, int fd)
{
    (void)server;
    char byte;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(CANARY_PORT)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    close(fd);
    int near = socket(AF_INET, SOCK_STREAM, 0);
    TEST_EQ(fd, near);
    TEST_EQ(0, connect(near, (struct sockaddr *)&to, sizeof(to)));
    int far = accept(listener, NULL, NULL);
    vTaskDelay(pdMS_TO_TICKS(100));
    TEST_EQ(-1, recv(far, &byte, 1, MSG_DONTWAIT));
    TEST_EQ(1, send(near, "!", 1, 0));
    TEST_EQ(1, recv(far, &byte, 1, 0));
    close(near);
    close(far);
    atomic_store(&reused, true);
}

static void fd_is_forgotten_before_it_is_closed(void)
{
    listener = listen_on(CANARY_PORT);
    atomic_store(&reused, false);
    server_start();
    server_stop_ok();
    server_start_with_close_fn(close_and_reuse);
    httpd_graceful_stop_set_limits(gs, 20, SHUTDOWN_MS, STOP_MS);
    client_t *client = client_connect(PORT, "");
    vTaskDelay(pdMS_TO_TICKS(20));
    shutdown(client->fd, SHUT_RDWR); /* the client leaves, but its fd is not free for close_and_reuse() to get */
    vTaskDelay(pdMS_TO_TICKS(20));
    server_stop_ok();
    TEST_TRUE(atomic_load(&reused));
    client_close(client);
    close(listener);
    server_end();
}

void app_main(void)
{
    network_up();
    if (board_argc > 1 && strcmp(board_argv[1], "long") == 0) {
        cycles = LONG_CYCLES;
        TIMED_RUN(many_cycles_leave_nothing_behind);
        TEST_END();
    }
    TIMED_RUN(many_cycles_leave_nothing_behind);
    TIMED_RUN(object_gives_all_its_memory_back);
    if (LWIP_VERSION >= 0x02010300) { /* before, lwIP itself may end the connection that gets an fd next */
        TIMED_RUN(no_byte_reaches_a_socket_that_reuses_an_fd);
    }
    TIMED_RUN(fd_is_forgotten_before_it_is_closed);
    TEST_END();
}
