/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the server's tests share: the board's network on loopback, a raw client that says exactly what it is told to,
 * a server with its handlers, and a memory of what was logged.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "board_test.h"
#include "esp_heap_caps.h" /* ESP-IDF's own HTTPD_DEFAULT_CONFIG() takes it for granted */
#include "esp_http_server.h"

#define TEST_PORT 8080

/* Whose server is tested. The port follows the tip of 5.4, with fixes that 5.5 was released with. */
#ifndef TEST_SERVER_MAJOR
#define TEST_SERVER_MAJOR 5
#define TEST_SERVER_MINOR 5
#endif
#define TEST_SERVER_SINCE(major, minor) \
    (TEST_SERVER_MAJOR > (major) || (TEST_SERVER_MAJOR == (major) && TEST_SERVER_MINOR >= (minor)))

#if TEST_SERVER_SINCE(5, 3)
#define TEST_ANY_METHOD HTTP_ANY
#else
#define TEST_ANY_METHOD HTTP_GET
#endif

#if TEST_SERVER_SINCE(5, 0)
#define TEST_NOT_FOUND "Nothing matches the given URI"
#else
#define TEST_NOT_FOUND "This URI does not exist"
#endif

#define CTRL_PORT 32700

/* ---- Board ------------------------------------------------------------------------------------------------------ */

/** Event loop, lwIP with its loopback, log memory. Once, first. */
void test_board_begin(void);

int64_t test_now_ms(void);
void test_sleep_ms(uint32_t ms);

/** Waits until *@p flag is @p wanted. @return whether it became so in time. */
bool test_wait(const _Atomic int *flag, int wanted, uint32_t limit_ms);

/** Starts a task with a stack that is large enough for a client. */
void test_task(void (*code)(void *arg), const char *name, void *arg);

/** How many sockets can be opened now. */
unsigned test_free_sockets(void);

/** Whether a line with this text was logged since test_log_clear(). */
bool test_logged(const char *text);
void test_log_clear(void);

/* ---- Server ----------------------------------------------------------------------------------------------------- */

/** HTTPD_DEFAULT_CONFIG() on TEST_PORT. */
httpd_config_t test_config(void);
httpd_handle_t test_start(const httpd_config_t *config);

/** httpd_stop(); fails the test when it takes longer than it must. @return milliseconds */
int64_t test_stop(httpd_handle_t server);
void test_handle(httpd_handle_t server, httpd_method_t method, const char *uri, esp_err_t (*handler)(httpd_req_t *));

/** httpd_get_client_list(). @return how many of @p fds were filled in */
size_t test_client_count(httpd_handle_t server, int fds[8]);
/** Waits until the server has so many. */
void test_wait_for_clients(httpd_handle_t server, size_t wanted);

/* ---- Client ----------------------------------------------------------------------------------------------------- */

/** A connected socket; receiving gives up after two seconds. */
int client_connect(uint16_t port);
void client_send(int fd, const char *text);
void client_send_bytes(int fd, const void *bytes, size_t len);

/** Reads up to @p size - 1 bytes until they contain @p until. @return whether they do; @p buf is what was read. */
bool client_read_until(int fd, char *buf, size_t size, const char *until);
void client_read_exactly(int fd, void *buf, size_t len);

/** Reads until the server closes. @return bytes, or -1 when it did not within @p limit_ms. */
int client_read_to_end(int fd, char *buf, size_t size, uint32_t limit_ms);

/** Whether nothing at all comes, not even the end, for this long. */
bool client_quiet(int fd, uint32_t ms);

/** Sends "GET path" and expects status 200 and this body; the connection stays. */
void client_expect_get(int fd, const char *path, const char *body);
