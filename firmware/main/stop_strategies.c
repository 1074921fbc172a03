/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The ways not to stop a streaming server, forced rather than left to luck: the task is deleted when it is known to be
 * stuck in a send, its stack is overwritten, the closed descriptor is taken again on purpose.
 *
 *   plain           httpd_stop() alone: never returns while a client reads
 *   kill_task       vTaskDelete() on the server's task: lwIP panics over the dead task's stack
 *   close_recorded  close() on a descriptor that is the server's: works, unless somebody else gets the number
 *   close_all       the same for every session
 */
#include "stop_strategies.h"

#if CONFIG_HIL_STOP_STRATEGIES

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "esp_heap_caps.h"
#include "esp_log.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "sys/socket.h"
#include "netinet/in.h"
#include "arpa/inet.h"
#include "unistd.h"

#include "events.h"
#include "servers.h"
#include "stop_report.h"
#include "stream_server.h"
#include "websocket.h"

#define WAIT_FOR_STREAM_MS 60000
#define POLL_MS            10
#define STUCK_MS           300 /* a send that takes so long waits for its client */
#define BETWEEN_FRAMES_MS  20  /* a handler that has not sent for so long waits for its next frame's time */
#define PANIC_MS           15000
#define HEAP_LEFT_BYTES    8192 /* for the tasks that must live until the panic */
#define HEAP_BLOCK_BYTES   1024
#define STACK_FILL         0xA5 /* FreeRTOS's own */

static const char TAG[] = "strategy";

/* What the handler wrote down last. */
static _Atomic TaskHandle_t s_task;
static atomic_int s_fd = -1;
static _Atomic int64_t s_send_began_us; /* 0: not in a send */
static _Atomic int64_t s_send_ended_us;

void stop_strategies_send_begins(httpd_req_t *req)
{
    atomic_store(&s_task, xTaskGetCurrentTaskHandle());
    atomic_store(&s_fd, httpd_req_to_sockfd(req));
    atomic_store(&s_send_began_us, esp_timer_get_time());
}

void stop_strategies_send_ended(void)
{
    atomic_store(&s_send_ended_us, esp_timer_get_time());
    atomic_store(&s_send_began_us, 0);
}

static bool is_streaming(void)
{
    return atomic_load(&s_fd) >= 0;
}

static bool is_stuck_in_send(void)
{
    const int64_t began_us = atomic_load(&s_send_began_us);
    return began_us != 0 && esp_timer_get_time() - began_us > STUCK_MS * 1000;
}

static bool is_between_frames(void)
{
    return is_streaming() && atomic_load(&s_send_began_us) == 0 &&
           esp_timer_get_time() - atomic_load(&s_send_ended_us) > BETWEEN_FRAMES_MS * 1000;
}

static bool wait_until(bool (*holds)(void))
{
    for (int waited_ms = 0; waited_ms < WAIT_FOR_STREAM_MS; waited_ms += POLL_MS) {
        if (holds()) {
            return true;
        }
        vTaskDelay(pdMS_TO_TICKS(POLL_MS));
    }
    ESP_LOGE(TAG, "no stream in the state that this strategy needs");
    return false;
}

/* The freed stack is somewhere in the heap: take all of it, write over it, and keep it. */
static void overwrite_free_heap(void)
{
    while (heap_caps_get_free_size(MALLOC_CAP_DEFAULT) > HEAP_LEFT_BYTES) {
        void *block = malloc(HEAP_BLOCK_BYTES);
        if (block == NULL) {
            return;
        }
        memset(block, STACK_FILL, HEAP_BLOCK_BYTES);
    }
}

static esp_err_t stop_kill_task(void)
{
    if (!wait_until(is_stuck_in_send)) {
        return ESP_ERR_TIMEOUT;
    }
    vTaskDelete(atomic_load(&s_task));
    overwrite_free_heap();
    vTaskDelay(pdMS_TO_TICKS(PANIC_MS));
    return ESP_FAIL; /* it should have panicked long ago */
}

/* Takes descriptor @p wanted, which has just become free, for a connection to @p to ("address:port"). */
static int connect_as(int wanted, const char *to)
{
    char address[sizeof(((trigger_t *)0)->reuse_to)];
    strcpy(address, to);
    char *colon = strchr(address, ':');
    if (colon == NULL) {
        return -1;
    }
    *colon = '\0';
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(colon + 1))};
    peer.sin_addr.s_addr = inet_addr(address);

    int others[CONFIG_LWIP_MAX_SOCKETS];
    int count = 0;
    int fd = -1;
    while (count < CONFIG_LWIP_MAX_SOCKETS) {
        fd = socket(AF_INET, SOCK_STREAM, 0);
        if (fd < 0 || fd == wanted) {
            break;
        }
        others[count++] = fd;
    }
    while (count > 0) {
        close(others[--count]);
    }
    if (fd >= 0 && connect(fd, (struct sockaddr *)&peer, sizeof(peer)) != 0) {
        ESP_LOGE(TAG, "no connection to %s", to);
    }
    return fd;
}

static esp_err_t stop_close_recorded(httpd_handle_t server, const trigger_t *trigger)
{
    if (!wait_until(trigger->reuse ? is_between_frames : is_streaming)) {
        return ESP_ERR_TIMEOUT;
    }
    const int fd = atomic_load(&s_fd);
    close(fd);
    if (trigger->reuse) {
        const int fd_new = connect_as(fd, trigger->reuse_to);
        event("fd_reused", "\"fd_closed\":%d,\"fd_new\":%d", fd, fd_new);
    }
    return httpd_stop(server);
}

static esp_err_t stop_close_all(httpd_handle_t server)
{
    int fds[STREAM_MAX_CLIENTS];
    size_t count = STREAM_MAX_CLIENTS;
    const esp_err_t err = httpd_get_client_list(server, &count, fds);
    if (err != ESP_OK) {
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        close(fds[i]);
    }
    return httpd_stop(server);
}

static esp_err_t stop_streams(httpd_handle_t server, const trigger_t *trigger)
{
    switch (trigger->stop) {
    case STOP_PLAIN:
        return httpd_stop(server);
    case STOP_KILL_TASK:
        return stop_kill_task();
    case STOP_CLOSE_RECORDED:
        return stop_close_recorded(server, trigger);
    case STOP_CLOSE_ALL:
        return stop_close_all(server);
    default:
        return ESP_ERR_INVALID_ARG;
    }
}

esp_err_t stop_strategies_stop(const trigger_t *trigger)
{
    httpd_handle_t server = httpd_graceful_stop_server(stream_server());
    if (server == NULL) {
        return ESP_ERR_INVALID_STATE;
    }
    const int64_t began_us = esp_timer_get_time();
    int fds[STREAM_MAX_CLIENTS];
    size_t sessions = STREAM_MAX_CLIENTS;
    if (httpd_get_client_list(server, &sessions, fds) != ESP_OK) {
        sessions = 0;
    }
    httpd_graceful_stop_report_t report = {
        .port = settings()->port_stream,
        .sessions = (uint16_t)sessions,
        .heap_before = heap_caps_get_free_size(MALLOC_CAP_DEFAULT),
    };
    stop_report_begin(&report, stop_strategy_name(trigger->stop));
    websocket_cease(); /* what is to be seen is what these stops do to the streams */
    report.err = stop_streams(server, trigger);
    vTaskDelay(2); /* the idle task frees the server's stack */
    report.total_ms = (uint32_t)((esp_timer_get_time() - began_us) / 1000);
    report.heap_after = heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
    report.largest_block = heap_caps_get_largest_free_block(MALLOC_CAP_DEFAULT);
    stop_report_end(&report);
    if (report.err != ESP_OK) {
        return report.err;
    }
    return servers_stop_control();
}

#endif
