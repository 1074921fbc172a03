/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Without memory: the k-th allocation fails, for every k that there is. Each call then works or says that it did not,
 * nothing crashes or leaks, and the next try works.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "board_test.h"
#include "client.h"
#include "esp_heap_caps.h"
#include "heap_arena.h"
#include "lwip/init.h"
#include "lwip/memp.h"
#include "lwip/sys.h"
#include "server.h"

/* How many allocations in a row are tried to see whether the failing one is still to come. */
#define PROBES   2000
#define REPEATS  20
/* Of lwIP's sockets, as many as sockets_free() counts when none is open. */
#define FIRST_FD LWIP_SOCKET_OFFSET

/* ---- Allocations that nobody can do without --------------------------------------------------------------------- */

static _Atomic bool in_httpd_stop;

/* ESP-IDF's own server, up to 6.0.2: see httpd_graceful_stop_register_uri_handler(). */
#ifndef KEEPS_A_FREED_HANDLER
#define KEEPS_A_FREED_HANDLER false
#endif

/* Before 2.1.3 an allocation that fails at the wrong moment leaves the loopback interface's queue without a reader. */
#define LOOPBACK_RECOVERS (LWIP_VERSION >= 0x02010300)

/* A task's first call of lwIP takes memory for its semaphore. When there is none lwIP panics, on a chip too. */
sys_sem_t *__real_sys_thread_sem_get(void);
sys_sem_t *__wrap_sys_thread_sem_get(void);

sys_sem_t *__wrap_sys_thread_sem_get(void)
{
    sys_sem_t *semaphore;
    while ((semaphore = __real_sys_thread_sem_get()) == NULL) {
        vTaskDelay(1); /* where nobody gets any, not for long: register_never_lacks_room_for_half() */
    }
    return semaphore;
}

/*
 * The same with lwIP's timers. And httpd_stop() sends its one message, which it is told has arrived, and waits for ever
 * when lwIP then finds no memory to hand it over: nothing outside can send it again.
 */
void *__real_memp_malloc(memp_t type);
void *__wrap_memp_malloc(memp_t type);

void *__wrap_memp_malloc(memp_t type)
{
    bool needed = type == MEMP_SYS_TIMEOUT ||
                  (atomic_load(&in_httpd_stop) && (type == MEMP_NETBUF || type == MEMP_TCPIP_MSG_API));
    void *block;
    while ((block = __real_memp_malloc(type)) == NULL && needed) {
        vTaskDelay(1);
    }
    return block;
}

static esp_err_t stop_plain(httpd_handle_t server)
{
    atomic_store(&in_httpd_stop, true);
    esp_err_t err = httpd_stop(server);
    atomic_store(&in_httpd_stop, false);
    return err;
}

static void fail_the(long k)
{
    heap_arena_fail_after(k);
}

/* @return true when the failing allocation was met, in the call under test or in a task beside it */
static bool was_met(void)
{
    bool met = true;
    for (int i = 0; met && i < PROBES; i++) {
        void *block = malloc(16);
        met = block != NULL;
        free(block);
    }
    fail_the(-1);
    return met;
}

static size_t heap_settled(void)
{
    vTaskDelay(pdMS_TO_TICKS(50)); /* IDLE frees tasks, and the clients' */
    expire_closing_connections();
    return heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
}

/*
 * The arena rounds, and lwIP holds what it could not send until it tries again; what is repeated REPEATS times would be
 * seen all the same.
 */
static void check_nothing_leaked(size_t heap)
{
    size_t now = heap_settled();
    for (int i = 0; i < 40 && now < heap - 255; i++) {
        now = heap_settled();
    }
    TEST_WITHIN(heap - 255, heap + 1024, now);
}

static void create_works_or_leaves_nothing(void)
{
    httpd_graceful_stop_config_t limits = HTTPD_GRACEFUL_STOP_CONFIG_DEFAULT();
    size_t heap = heap_settled();
    long k = 0;
    int elsewhere = 0; /* a timer of lwIP's met it */
    for (bool met = true; met; k++) {
        httpd_graceful_stop_handle_t object = NULL;
        fail_the(k);
        esp_err_t err = httpd_graceful_stop_create(&limits, &object);
        met = was_met();
        if (met && err == ESP_OK && elsewhere++ < 5) {
            k--;
        } else {
            TEST_EQ(met ? ESP_ERR_NO_MEM : ESP_OK, err);
        }
        if (err == ESP_OK) {
            TEST_EQ(ESP_OK, httpd_graceful_stop_delete(object));
        }
        check_nothing_leaked(heap);
    }
    TEST_WITHIN(2, 10, k);
}

/* The object's task opens one for a moment when a server starts, and may be at it when httpd_start() has failed. */
static bool are_free(int expected)
{
    for (int i = 0; i < 40 && sockets_free() != expected; i++) {
        vTaskDelay(1);
    }
    return sockets_free() == expected;
}

static void start_and_register_work_or_leave_nothing(void)
{
    httpd_graceful_stop_config_t limits = HTTPD_GRACEFUL_STOP_CONFIG_DEFAULT();
    TEST_EQ(ESP_OK, httpd_graceful_stop_create(&limits, &gs));
    int sockets = sockets_free();
    long k = 0;
    int failed = 0;
    for (bool met = true; met; k++) {
        httpd_config_t config = HTTPD_DEFAULT_CONFIG();
        config.server_port = PORT;
        fail_the(k);
        esp_err_t err = httpd_graceful_stop_start(gs, &config);
        met = was_met();
        if (err != ESP_OK) {
            failed++;
            TEST_TRUE(met);
            TEST_TRUE(httpd_graceful_stop_server(gs) == NULL);
        }
        TEST_EQ(ESP_OK, httpd_graceful_stop_stop(gs, NULL));
        /* Then most ESP-IDFs leave the server's three sockets open, and the port taken (5.5.5 does not). */
        if (err == ESP_ERR_HTTPD_TASK && are_free(sockets - 3)) {
            for (int fd = FIRST_FD; fd < FIRST_FD + sockets; fd++) { /* nobody else has one now */
                close(fd);
            }
        }
        TEST_TRUE(are_free(sockets));
    }
    TEST_WITHIN(4, 60, k);
    TEST_TRUE(failed >= 4); /* the table of sessions, and what httpd_start() takes */
    TEST_EQ(ESP_OK, httpd_graceful_stop_delete(gs));
}

static esp_err_t say_nothing(httpd_req_t *req)
{
    return httpd_resp_send(req, NULL, 0);
}

static void register_works_or_leaves_nothing(void)
{
    server_start();
    const httpd_uri_t uri = {.uri = "/new", .method = HTTP_GET, .handler = say_nothing};
    size_t heap = heap_settled();
    long k = 0;
    for (int repeat = 0;; repeat++) {
        fail_the(k);
        esp_err_t err = httpd_graceful_stop_register_uri_handler(gs, &uri);
        if (!was_met()) {
            TEST_EQ(ESP_OK, err);
            break;
        }
        TEST_TRUE(err != ESP_OK);
        if (repeat == REPEATS) {
            check_nothing_leaked(heap);
            repeat = 0;
            k++;
        }
    }
    TEST_WITHIN(2, 4, k);
    client_t *client = client_stream(PORT, "/new");
    server_stop_ok();
    client_close(client);
    server_end();
}

struct taken {
    struct taken *next;
};

static struct taken *take_all_memory(void)
{
    struct taken *all = NULL;
    for (size_t bytes = 65536; bytes >= sizeof(*all); bytes /= 2) {
        for (struct taken *one; (one = malloc(bytes)) != NULL; all = one) {
            one->next = all;
        }
    }
    return all;
}

static void give_back(struct taken *all)
{
    while (all != NULL) {
        struct taken *next = all->next;
        free(all);
        all = next;
    }
}

/* With ever more memory left: it is the component that says there is too little, never the server, half way through. */
static void register_never_lacks_room_for_half(void)
{
    server_start();
    const httpd_uri_t uri = {.uri = "/new/with/a/long/path", .method = HTTP_GET, .handler = say_nothing};
    esp_err_t err = ESP_ERR_NO_MEM;
    size_t left = 16;
    for (; err == ESP_ERR_NO_MEM; left += 8) {
        void *hole =
            heap_caps_malloc(left, MALLOC_CAP_DEFAULT); /* not malloc(), which the compiler sees is for nothing */
        struct taken *all = take_all_memory();
        free(hole);
        err = httpd_graceful_stop_register_uri_handler(gs, &uri);
        give_back(all);
    }
    TEST_EQ(ESP_OK, err);
    TEST_WITHIN(100, 2000, left);
    client_t *client = client_stream(PORT, uri.uri);
    server_stop_ok();
    client_close(client);
    server_end();
}

static _Atomic int work_calls;

static void count_call(void *arg)
{
    (void)arg;
    atomic_fetch_add(&work_calls, 1);
}

static void queued_work_is_run_cancelled_or_refused(void)
{
    server_start();
    atomic_store(&work_calls, 0);
    int accepted = 0;
    for (long k = 0; k < 12; k++) { /* its datagram takes memory, too, in lwIP's task */
        fail_the(k);
        esp_err_t err = httpd_graceful_stop_queue_work(gs, count_call, count_call, NULL);
        vTaskDelay(1);
        was_met();
        TEST_TRUE(err == ESP_OK || err == ESP_FAIL || err == ESP_ERR_NO_MEM);
        accepted += err == ESP_OK;
    }
    server_stop_ok();
    TEST_EQ(accepted, atomic_load(&work_calls));
    server_end();
}

/* The request itself, its answer, the copy, the worker: whatever fails, the session ends and the lease comes back. */
static void async_request_works_or_ends(void)
{
    static const char request[] = "GET /async HTTP/1.1\r\nHost: board\r\n\r\n";
    server_start();
    bool served = false;
    for (long k = 0; k < 40; k++) {
        client_t *client = client_connect(PORT, "");
        client_read(client);
        vTaskDelay(1);
        fail_the(k);
        send(client->fd, request, strlen(request), 0);
        for (int i = 0; i < 10 && atomic_load(&client->received) == 0 && atomic_load(&client->end) == CLIENT_OPEN;
             i++) {
            vTaskDelay(1);
        }
        was_met();
        served |= atomic_load(&client->received) > 0;
        client_close(client);
    }
    TEST_TRUE(served);
    server_stop_ok();
    server_end();
}

static httpd_graceful_stop_report_t stop_with_failing(long k, bool *met)
{
    httpd_graceful_stop_report_t report;
    fail_the(k);
    esp_err_t err = httpd_graceful_stop_stop(gs, &report);
    *met = was_met();
    if (err != ESP_OK) { /* in bounded time, and the next try works */
        TEST_EQ(ESP_ERR_TIMEOUT, err);
        TEST_TRUE(*met);
        TEST_EQ(ESP_OK, httpd_graceful_stop_stop(gs, &report));
    }
    return report;
}

/* A stop allocates nothing itself; lwIP and the event loop do, for what it sends and posts. */
static void stop_works_or_a_retry_does(void)
{
    bool met = true;
    server_start();
    size_t heap = 0;
    for (long k = 0; met; k++) {
        client_t *websocket = client_websocket(PORT, "/ws", true);
        client_t *stream = client_stream(PORT, "/stream");
        httpd_graceful_stop_report_t report = stop_with_failing(k, &met);
        TEST_EQ(ESP_OK, report.err);
        TEST_EQ(0, report.remaining);
        client_close(stream);
        client_close(websocket);
        if (k == 10) {
            heap = heap_settled();
        } else if (k > 10) {
            check_nothing_leaked(heap);
        }
        TEST_TRUE(k < 400);
        server_start_again();
    }
    server_stop_ok();
    server_end();
}

void app_main(void)
{
    network_up();
    atomic_store(&memory_may_fail, true);
    server_stop_fn = stop_plain;
    server_start(); /* what is allocated once has been */
    client_close(client_stream(PORT, "/hello"));
    server_stop_ok();
    server_end();
    TIMED_RUN(create_works_or_leaves_nothing);
    if (LOOPBACK_RECOVERS) {
        TIMED_RUN(start_and_register_work_or_leave_nothing);
        if (!KEEPS_A_FREED_HANDLER) {
            TIMED_RUN(register_works_or_leaves_nothing);
        }
        TIMED_RUN(register_never_lacks_room_for_half);
        TIMED_RUN(queued_work_is_run_cancelled_or_refused);
        if (HAS_ASYNC) {
            TIMED_RUN(async_request_works_or_ends);
        }
        TIMED_RUN(stop_works_or_a_retry_does);
    }
    TEST_END();
}
