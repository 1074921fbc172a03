/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * See test_client.h.
 */
#include "test_client.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include "esp_event.h"
#include "esp_log.h"
#include "esp_netif.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"

#define LOG_BYTES     32768
#define CLIENT_STACK  4096
#define STOP_LIMIT_MS 1000
#define ANSWER_BYTES  1024

/* ---- Board ------------------------------------------------------------------------------------------------------ */

static char log_text[LOG_BYTES];
static size_t log_len;
static SemaphoreHandle_t log_lock;
static vprintf_like_t log_print;

static int remember(const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    xSemaphoreTake(log_lock, portMAX_DELAY);
    size_t room = sizeof(log_text) - log_len;
    int len = vsnprintf(log_text + log_len, room, format, again);
    log_len += (size_t)len < room ? (size_t)len : 0;
    xSemaphoreGive(log_lock);
    va_end(again);
    return log_print(format, args);
}

bool test_logged(const char *text)
{
    xSemaphoreTake(log_lock, portMAX_DELAY);
    bool found = strstr(log_text, text) != NULL;
    xSemaphoreGive(log_lock);
    return found;
}

void test_log_clear(void)
{
    xSemaphoreTake(log_lock, portMAX_DELAY);
    log_len = 0;
    log_text[0] = '\0';
    xSemaphoreGive(log_lock);
}

void test_board_begin(void)
{
    log_lock = xSemaphoreCreateMutex();
    TEST_TRUE(log_lock != NULL);
    log_print = esp_log_set_vprintf(remember);
    TEST_EQ(ESP_OK, esp_event_loop_create_default());
    TEST_EQ(ESP_OK, esp_netif_init());
}

int64_t test_now_ms(void)
{
    return esp_timer_get_time() / 1000;
}

void test_sleep_ms(uint32_t ms)
{
    vTaskDelay(pdMS_TO_TICKS(ms));
}

bool test_wait(const _Atomic int *flag, int wanted, uint32_t limit_ms)
{
    for (int64_t end = test_now_ms() + limit_ms; *flag != wanted; vTaskDelay(1)) {
        if (test_now_ms() > end) {
            return false;
        }
    }
    return true;
}

void test_task(void (*code)(void *arg), const char *name, void *arg)
{
    TEST_EQ(pdPASS, xTaskCreate(code, name, CLIENT_STACK, arg, tskIDLE_PRIORITY + 4, NULL));
}

unsigned test_free_sockets(void)
{
    int fds[CONFIG_LWIP_MAX_SOCKETS];
    unsigned count = 0;
    while (count < CONFIG_LWIP_MAX_SOCKETS && (fds[count] = socket(AF_INET, SOCK_DGRAM, 0)) >= 0) {
        count++;
    }
    for (unsigned i = 0; i < count; i++) {
        close(fds[i]);
    }
    return count;
}

/* ---- Server ----------------------------------------------------------------------------------------------------- */

httpd_config_t test_config(void)
{
    httpd_config_t config = HTTPD_DEFAULT_CONFIG();
    config.server_port = TEST_PORT;
    config.ctrl_port = CTRL_PORT;
    config.max_open_sockets = 4;
    config.max_uri_handlers = 16;
    return config;
}

httpd_handle_t test_start(const httpd_config_t *config)
{
    httpd_handle_t server = NULL;
    TEST_EQ(ESP_OK, httpd_start(&server, config));
    TEST_TRUE(server != NULL);
    return server;
}

int64_t test_stop(httpd_handle_t server)
{
    int64_t begin_ms = test_now_ms();
    TEST_EQ(ESP_OK, httpd_stop(server));
    int64_t took_ms = test_now_ms() - begin_ms;
    TEST_WITHIN(0, STOP_LIMIT_MS, took_ms);
    return took_ms;
}

void test_handle(httpd_handle_t server, httpd_method_t method, const char *uri, esp_err_t (*handler)(httpd_req_t *))
{
    httpd_uri_t registration = {.uri = uri, .method = method, .handler = handler};
    TEST_EQ(ESP_OK, httpd_register_uri_handler(server, &registration));
}

size_t test_client_count(httpd_handle_t server, int fds[8])
{
    size_t count = 8;
    TEST_EQ(ESP_OK, httpd_get_client_list(server, &count, fds));
    return count;
}

void test_wait_for_clients(httpd_handle_t server, size_t wanted)
{
    int fds[8];
    int64_t end_ms = test_now_ms() + 2000;
    while (test_client_count(server, fds) != wanted) {
        TEST_TRUE(test_now_ms() < end_ms);
        test_sleep_ms(10);
    }
}

/* ---- Client ----------------------------------------------------------------------------------------------------- */

static void limit_receive(int fd, uint32_t ms)
{
    struct timeval limit = {.tv_sec = ms / 1000, .tv_usec = (long)(ms % 1000) * 1000};
    TEST_EQ(0, setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
}

int client_connect(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    TEST_TRUE(fd >= 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    TEST_EQ(0, connect(fd, (struct sockaddr *)&address, sizeof(address)));
    limit_receive(fd, 2000);
    return fd;
}

void client_send_bytes(int fd, const void *bytes, size_t len)
{
    TEST_EQ(len, send(fd, bytes, len, 0));
}

void client_send(int fd, const char *text)
{
    client_send_bytes(fd, text, strlen(text));
}

bool client_read_until(int fd, char *buf, size_t size, const char *until)
{
    size_t len = 0;
    buf[0] = '\0';
    while (len + 1 < size && strstr(buf, until) == NULL) {
        ssize_t received = recv(fd, buf + len, 1, 0);
        if (received <= 0) {
            return false;
        }
        len += (size_t)received;
        buf[len] = '\0';
    }
    return strstr(buf, until) != NULL;
}

void client_read_exactly(int fd, void *buf, size_t len)
{
    for (size_t have = 0; have < len;) {
        ssize_t received = recv(fd, (char *)buf + have, len - have, 0);
        if (received <= 0) {
            TEST_FAIL("expected %zu bytes, the connection gave %zu (%zd, errno %d)", len, have, received, errno);
        }
        have += (size_t)received;
    }
}

int client_read_to_end(int fd, char *buf, size_t size, uint32_t limit_ms)
{
    size_t len = 0;
    int64_t end_ms = test_now_ms() + limit_ms;
    while (len + 1 < size) {
        int64_t left_ms = end_ms - test_now_ms();
        if (left_ms <= 0) {
            return -1;
        }
        limit_receive(fd, (uint32_t)left_ms);
        ssize_t received = recv(fd, buf + len, size - 1 - len, 0);
        if (received == 0 || (received < 0 && errno != EAGAIN)) {
            buf[len] = '\0';
            return (int)len;
        }
        len += received > 0 ? (size_t)received : 0;
    }
    return -1;
}

bool client_quiet(int fd, uint32_t ms)
{
    char byte;
    limit_receive(fd, ms);
    bool quiet = recv(fd, &byte, 1, 0) < 0 && errno == EAGAIN;
    limit_receive(fd, 2000);
    return quiet;
}

void client_expect_get(int fd, const char *path, const char *body)
{
    char text[ANSWER_BYTES];
    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: board\r\n\r\n", path);
    client_send(fd, text);
    char answer[ANSWER_BYTES];
    if (!client_read_until(fd, answer, sizeof(answer), "\r\n\r\n") || strncmp(answer, "HTTP/1.1 200 OK\r\n", 17) != 0) {
        TEST_FAIL("GET %s: expected status 200, got \"%s\"", path, answer);
    }
    const char *length = strstr(answer, "Content-Length: ");
    TEST_TRUE(length != NULL);
    TEST_EQ(strlen(body), atoi(length + 16));
    client_read_exactly(fd, answer, strlen(body));
    answer[strlen(body)] = '\0';
    TEST_STR_EQ(body, answer);
}
