/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Sessions: how many there can be, how they begin and end, what they hold, and who may close them.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test_client.h"

#define ANSWER_BYTES 1024

static httpd_handle_t server;
static char answer[ANSWER_BYTES];

static esp_err_t say_hello(httpd_req_t *req)
{
    return httpd_resp_sendstr(req, "hello");
}

static void begin_with(const httpd_config_t *config)
{
    server = test_start(config);
    test_handle(server, HTTP_GET, "/hello", say_hello);
    test_log_clear();
}

/* ---- How many --------------------------------------------------------------------------------------------------- */

static void a_full_table_makes_clients_wait(void)
{
    httpd_config_t config = test_config();
    config.max_open_sockets = 2;
    begin_with(&config);
    int first = client_connect(TEST_PORT);
    int second = client_connect(TEST_PORT);
    client_expect_get(first, "/hello", "hello");
    client_expect_get(second, "/hello", "hello");
    int third = client_connect(TEST_PORT); /* TCP accepts, the server does not */
    client_send(third, "GET /hello HTTP/1.1\r\nHost: board\r\n\r\n");
    TEST_TRUE(client_quiet(third, 300));
    close(first);
    TEST_TRUE(client_read_until(third, answer, sizeof(answer), "hello"));
    close(second);
    close(third);
    test_stop(server);
}

static void purging_ends_the_least_recently_used(void)
{
    httpd_config_t config = test_config();
    config.max_open_sockets = 2;
    config.lru_purge_enable = true;
    begin_with(&config);
    int first = client_connect(TEST_PORT);
    client_expect_get(first, "/hello", "hello");
    int second = client_connect(TEST_PORT);
    client_expect_get(second, "/hello", "hello");
    client_expect_get(first, "/hello", "hello");
    int third = client_connect(TEST_PORT);
    client_expect_get(third, "/hello", "hello");
    TEST_EQ(0, client_read_to_end(second, answer, sizeof(answer), 1000));
    client_expect_get(first, "/hello", "hello");
    close(first);
    close(second);
    close(third);
    test_stop(server);
}

/* ---- open_fn, close_fn ------------------------------------------------------------------------------------------ */

static _Atomic int opened_fd, taken_fd;
static _Atomic int closed;

static esp_err_t check_options(httpd_handle_t hd, int fd)
{
    struct timeval limit;
    socklen_t size = sizeof(limit);
    int on = 0;
    socklen_t on_size = sizeof(on);
    TEST_TRUE(hd != NULL);
    TEST_EQ(0, getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, &size));
    TEST_EQ(3, limit.tv_sec);
    TEST_EQ(0, getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, &size));
    TEST_EQ(4, limit.tv_sec);
    TEST_EQ(0, getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, &on_size));
    TEST_TRUE(!on == !TEST_SERVER_SINCE(5, 0)); /* the first with keep_alive_enable */
    opened_fd = fd;
    return ESP_OK;
}

static void leave_open(httpd_handle_t hd, int fd)
{
    (void)hd;
    TEST_EQ(opened_fd, fd);
    closed++;
}

static void close_fn_is_to_close_by_itself(void)
{
    httpd_config_t config = test_config();
    config.open_fn = check_options;
    config.close_fn = leave_open;
    config.recv_wait_timeout = 3;
    config.send_wait_timeout = 4;
#if TEST_SERVER_SINCE(5, 0)
    config.keep_alive_enable = true;
#endif
    closed = 0;
    begin_with(&config);
    int fd = client_connect(TEST_PORT);
    client_expect_get(fd, "/hello", "hello");
    client_send(fd, "GET /nothing HTTP/1.1\r\nHost: board\r\n\r\n");
    TEST_TRUE(client_read_until(fd, answer, sizeof(answer), TEST_NOT_FOUND));
    TEST_TRUE(test_wait(&closed, 1, 1000));
    test_wait_for_clients(server, 0);
    TEST_TRUE(client_quiet(fd, 200)); /* the session is over, its socket is not */
    close(opened_fd);
    TEST_EQ(0, client_read_to_end(fd, answer, sizeof(answer), 1000));
    close(fd);
    test_stop(server);
}

static esp_err_t refuse(httpd_handle_t hd, int fd)
{
    (void)hd;
    opened_fd = fd;
    return ESP_FAIL;
}

static void close_and_take_the_number(httpd_handle_t hd, int fd)
{
    (void)hd;
    close(fd);
    taken_fd = socket(AF_INET, SOCK_STREAM, 0);
    closed = 1;
}

static void a_refusing_open_fn_makes_the_server_close_twice(void)
{
    httpd_config_t config = test_config();
    config.open_fn = refuse;
    config.close_fn = close_and_take_the_number;
    closed = 0;
    begin_with(&config);
    int fd = client_connect(TEST_PORT);
    TEST_EQ(0, client_read_to_end(fd, answer, sizeof(answer), 1000));
    TEST_TRUE(test_wait(&closed, 1, 1000));
    test_sleep_ms(50);
    TEST_EQ(opened_fd, taken_fd); /* somebody else has the number now, and lost it to the second close: */
    int type;
    socklen_t size = sizeof(type);
    TEST_EQ(-1, getsockopt(taken_fd, SOL_SOCKET, SO_TYPE, &type, &size));
    TEST_EQ(EBADF, errno);
    TEST_TRUE(test_logged("httpd_accept_conn: session creation failed"));
    TEST_TRUE(test_logged("httpd_server: error accepting new connection"));
    close(fd);
    test_stop(server);
}

/* ---- Timeouts --------------------------------------------------------------------------------------------------- */

static void half_a_request_times_out(void)
{
    httpd_config_t config = test_config();
    config.recv_wait_timeout = 1;
    begin_with(&config);
    int waiting = client_connect(TEST_PORT);
    client_expect_get(waiting, "/hello", "hello");
    int half = client_connect(TEST_PORT);
    client_send(half, "GET /hello HTT");
    test_sleep_ms(50);
    int64_t begin_ms = test_now_ms();
    client_send(waiting, "GET /hello HTTP/1.1\r\nHost: board\r\n\r\n"); /* the half one holds up everybody */
    TEST_TRUE(client_read_until(waiting, answer, sizeof(answer), "hello"));
    TEST_WITHIN(800, 1300, test_now_ms() - begin_ms);
    TEST_TRUE(client_read_to_end(half, answer, sizeof(answer), 1000) > 0);
    TEST_TRUE(strncmp(answer, "HTTP/1.1 408 Request Timeout\r\n", 30) == 0);
    TEST_TRUE(test_logged("httpd_sock_err: error in recv : 11"));
    client_expect_get(waiting, "/hello", "hello"); /* an idle session is not timed */
    close(half);
    close(waiting);
    test_stop(server);
}

/* ---- Contexts --------------------------------------------------------------------------------------------------- */

static int session_ctx, other_ctx, transport_ctx, global_ctx;
static _Atomic int freed_session, freed_other, freed_transport, freed_global;

static void free_counted(void *ctx)
{
    freed_session += ctx == &session_ctx;
    freed_other += ctx == &other_ctx;
    freed_transport += ctx == &transport_ctx;
    freed_global += ctx == &global_ctx;
}

static esp_err_t set_contexts(httpd_req_t *req)
{
    int fd = httpd_req_to_sockfd(req);
    if (req->sess_ctx == NULL) {
        req->sess_ctx = &session_ctx;
        req->free_ctx = free_counted;
        TEST_TRUE(httpd_sess_get_ctx(req->handle, fd) == &session_ctx);
        httpd_sess_set_transport_ctx(req->handle, fd, &transport_ctx, free_counted);
    } else {
        TEST_TRUE(req->sess_ctx == &session_ctx);
        httpd_sess_set_ctx(req->handle, fd, &other_ctx, free_counted);
        TEST_TRUE(req->sess_ctx == &other_ctx);
        TEST_TRUE(httpd_sess_get_transport_ctx(req->handle, fd) == &transport_ctx);
    }
    TEST_TRUE(httpd_get_global_user_ctx(req->handle) == &global_ctx);
    return httpd_resp_sendstr(req, "set");
}

static void contexts_are_freed_with_their_owner(void)
{
    httpd_config_t config = test_config();
    config.global_user_ctx = &global_ctx;
    config.global_user_ctx_free_fn = free_counted;
    config.global_transport_ctx = malloc(1); /* without a function of its own: free() */
    begin_with(&config);
    test_handle(server, HTTP_GET, "/set", set_contexts);
    int fd = client_connect(TEST_PORT);
    client_expect_get(fd, "/set", "set");
    TEST_EQ(0, freed_session);
    client_expect_get(fd, "/set", "set");
    client_expect_get(fd, "/hello", "hello");
    TEST_EQ(1, freed_session); /* replaced */
    TEST_EQ(0, freed_other + freed_transport);
    close(fd);
    TEST_TRUE(test_wait(&freed_other, 1, 1000));
    TEST_TRUE(test_wait(&freed_transport, 1, 1000));
    TEST_EQ(0, freed_global);
    test_stop(server);
    TEST_EQ(1, freed_global);
    TEST_EQ(1, freed_session);
}

/* ---- Overrides -------------------------------------------------------------------------------------------------- */

static _Atomic int sent_over, received_over;

static int count_send(httpd_handle_t hd, int fd, const char *buf, size_t len, int flags)
{
    (void)hd;
    sent_over++;
    return (int)send(fd, buf, len < 7 ? len : 7, flags); /* a transport may take less than it is given */
}

static int count_recv(httpd_handle_t hd, int fd, char *buf, size_t len, int flags)
{
    (void)hd;
    received_over++;
    return (int)recv(fd, buf, len, flags);
}

static esp_err_t override_transport(httpd_handle_t hd, int fd)
{
    TEST_EQ(ESP_OK, httpd_sess_set_send_override(hd, fd, count_send));
    TEST_EQ(ESP_OK, httpd_sess_set_recv_override(hd, fd, count_recv));
    TEST_EQ(ESP_ERR_INVALID_ARG, httpd_sess_set_pending_override(hd, 1000, NULL));
    return ESP_OK;
}

static void a_transport_can_take_over(void)
{
    httpd_config_t config = test_config();
    config.open_fn = override_transport;
    begin_with(&config);
    int fd = client_connect(TEST_PORT);
    client_expect_get(fd, "/hello", "hello");
    TEST_TRUE(sent_over > 5);
    TEST_TRUE(received_over >= 1);
    close(fd);
    test_stop(server);
}

void app_main(void)
{
    test_board_begin();
    TEST_RUN(a_full_table_makes_clients_wait);
    TEST_RUN(purging_ends_the_least_recently_used);
    TEST_RUN(close_fn_is_to_close_by_itself);
    TEST_RUN(a_refusing_open_fn_makes_the_server_close_twice);
    TEST_RUN(half_a_request_times_out);
    TEST_RUN(contexts_are_freed_with_their_owner);
    TEST_RUN(a_transport_can_take_over);
    TEST_END();
}
