/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a client gets for what it sends, a row a request, each with the place in ESP-IDF that decides it. The same table
 * runs on the port and, with -DESP_IDF_DIR, on that ESP-IDF's own server.
 */
#include <stdlib.h>
#include <unistd.h>

#include "test_client.h"

#define ANSWER_BYTES 2048
#define CLOSE_MS     3000
#define LAST         "this one is the last"

#define HOST "Host: board\r\n"

typedef enum {
    STAYS,
    CLOSES
} afterwards_t;

typedef struct {
    const char *name;
    const char *request;
    const char *answer; /* how what comes back begins; of several answers, how the last one does */
    int answers;
    afterwards_t afterwards;
    const char *source; /* below components/esp_http_server/src */
} row_t;

static const row_t rows[] = {
    {"a handler's answer", "GET /hello HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 OK\r\n", 1, STAYS,
     "httpd_txrx.c: httpd_resp_send"},
    {"HTTP/1.0 is kept alive as well", "GET /hello HTTP/1.0\r\n" HOST "\r\n", "HTTP/1.1 200 OK\r\n", 1, STAYS,
     "httpd_sess.c: httpd_sess_process, which asks no header"},
    {"Connection: close is not obeyed", "GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK\r\n", 1,
     STAYS, "httpd_sess.c: httpd_sess_process, which asks no header"},
    {"lines that end in LF alone", "GET /hello HTTP/1.1\nHost: board\n\n", "HTTP/1.1 200 OK\r\n", 1, STAYS,
     "httpd_parse.c: cb_headers_complete"},
    {"a query is no part of the path", "GET /hello?a=1 HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 OK\r\n", 1, STAYS,
     "httpd_uri.c: httpd_find_uri_handler"},
    {"two requests at once", "GET /hello HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n",
     "HTTP/1.1 200 OK\r\n", 2, STAYS, "httpd_parse.c: read_block takes what httpd_unrecv left"},
    {"a request behind a body that nobody reads",
     "POST /hello HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345GET /hello HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 OK\r\n",
     2, STAYS, "httpd_parse.c: httpd_req_delete discards the body"},
    {"and one that is wrong", "GET /hello HTTP/1.1\r\n" HOST "\r\nGET /nothing HTTP/1.1\r\n" HOST "\r\n",
     "HTTP/1.1 404 Not Found\r\n", 2, CLOSES, "httpd_parse.c: read_block; httpd_uri.c: httpd_uri"},
    {"no such path", "GET /nothing HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 404 Not Found\r\n", 1, CLOSES,
     "httpd_uri.c: httpd_uri"},
    {"another method", "PUT /hello HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\n", 1,
     CLOSES, "httpd_uri.c: httpd_uri"},
    {"HEAD is another method", "HEAD /hello HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 405 Method Not Allowed\r\n", 1, CLOSES,
     "httpd_uri.c: httpd_uri"},
    {"a method that is none", "BREW /hello HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 400 Bad Request\r\n", 1, CLOSES,
     "httpd_parse.c: parse_block"},
    {"a header without a colon", "GET /hello HTTP/1.1\r\nHost\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", 1, CLOSES,
     "httpd_parse.c: parse_block"},
    {"a length that is no number", "POST /hello HTTP/1.1\r\nContent-Length: ten\r\n\r\n",
     "HTTP/1.1 400 Bad Request\r\n", 1, CLOSES, "httpd_parse.c: parse_block"},
    {"an upgrade to anything but WebSocket", "GET /hello HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
     "HTTP/1.1 400 Bad Request\r\n", 1, CLOSES, "httpd_parse.c: cb_headers_complete"},
    {"another version", "GET /hello HTTP/2.0\r\n" HOST "\r\n", "HTTP/1.1 505 Version Not Supported\r\n", 1, CLOSES,
     "httpd_parse.c: verify_url"},
    {"a chunked body has no length",
     "POST /length HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
     "HTTP/1.1 411 Length Required\r\n", 1, CLOSES, "httpd_parse.c: cb_headers_complete sets content_len to 0"},
    {"400 from a handler", "GET /error?400 HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 400 Bad Request\r\n", 1, CLOSES,
     "httpd_txrx.c: httpd_resp_send_err"},
    {"404 from a handler", "GET /error?404 HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 404 Not Found\r\n", 1, CLOSES,
     "httpd_txrx.c: httpd_resp_send_err"},
    {"405 from a handler", "GET /error?405 HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 405 Method Not Allowed\r\n", 1, CLOSES,
     "httpd_txrx.c: httpd_resp_send_err"},
    {"408 from a handler", "GET /error?408 HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 408 Request Timeout\r\n", 1, CLOSES,
     "httpd_txrx.c: httpd_resp_send_err"},
    {"411 from a handler", "GET /error?411 HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 411 Length Required\r\n", 1, CLOSES,
     "httpd_txrx.c: httpd_resp_send_err"},
    {"414 from a handler", "GET /error?414 HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 414 URI Too Long\r\n", 1, CLOSES,
     "httpd_txrx.c: httpd_resp_send_err"},
    {"431 from a handler", "GET /error?431 HTTP/1.1\r\n" HOST "\r\n",
     "HTTP/1.1 431 Request Header Fields Too Large\r\n", 1, CLOSES, "httpd_txrx.c: httpd_resp_send_err"},
    {"500 from a handler", "GET /error?500 HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 500 Internal Server Error\r\n", 1,
     CLOSES, "httpd_txrx.c: httpd_resp_send_err"},
    {"501 from a handler", "GET /error?501 HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 501 Method Not Implemented\r\n", 1,
     CLOSES, "httpd_txrx.c: httpd_resp_send_err; verify_url's own 501 cannot be reached"},
    {"505 from a handler", "GET /error?505 HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 505 Version Not Supported\r\n", 1,
     CLOSES, "httpd_txrx.c: httpd_resp_send_err"},
};

static httpd_handle_t server;
static char answer[ANSWER_BYTES];
static _Atomic int body_ended;
static int other_fd;

static esp_err_t say_hello(httpd_req_t *req)
{
    return httpd_resp_sendstr(req, "hello");
}

static esp_err_t say_last(httpd_req_t *req)
{
    httpd_resp_set_status(req, "299 Last");
    return httpd_resp_sendstr(req, LAST);
}

static esp_err_t ask_for_a_length(httpd_req_t *req)
{
    return req->content_len == 0 ? httpd_resp_send_err(req, HTTPD_411_LENGTH_REQUIRED, NULL),
           ESP_FAIL              : httpd_resp_sendstr(req, "hello");
}

static esp_err_t answer_with_error(httpd_req_t *req)
{
    static const struct {
        int status;
        httpd_err_code_t code;
    } codes[] = {
        {400, HTTPD_400_BAD_REQUEST},
        {404, HTTPD_404_NOT_FOUND},
        {405, HTTPD_405_METHOD_NOT_ALLOWED},
        {408, HTTPD_408_REQ_TIMEOUT},
        {411, HTTPD_411_LENGTH_REQUIRED},
        {414, HTTPD_414_URI_TOO_LONG},
        {431, HTTPD_431_REQ_HDR_FIELDS_TOO_LARGE},
        {500, HTTPD_500_INTERNAL_SERVER_ERROR},
        {501, HTTPD_501_METHOD_NOT_IMPLEMENTED},
        {505, HTTPD_505_VERSION_NOT_SUPPORTED},
    };
    char query[8] = "";
    TEST_EQ(ESP_OK, httpd_req_get_url_query_str(req, query, sizeof(query)));
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (codes[i].status == atoi(query)) {
            httpd_resp_send_err(req, codes[i].code, NULL);
            return ESP_FAIL;
        }
    }
    TEST_FAIL("no error %s", query);
    return ESP_FAIL;
}

static esp_err_t read_a_body(httpd_req_t *req)
{
    char byte;
    int received;
    while ((received = httpd_req_recv(req, &byte, 1)) > 0) {
    }
    body_ended = received == 0 ? 1 : 2; /* the end of the connection; anything else */
    return ESP_FAIL;
}

static int count(const char *text, const char *what, const char **last)
{
    int found = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++) {
        *last = at;
        found++;
    }
    return found;
}

/* All that comes. Where the connection is to stay, up to the answer to one more request, which takes no time as its
 * end. */
static bool exchange(const row_t *row)
{
    int fd = client_connect(TEST_PORT);
    client_send(fd, row->request);
    bool as_expected;
    if (row->afterwards == CLOSES) {
        size_t len = 0;
        if (row->answers > 1) { /* see a_request_in_the_same_block_waits_for_any_other() */
            TEST_TRUE(client_read_until(fd, answer, sizeof(answer), "hello"));
            len = strlen(answer);
            client_expect_get(other_fd, "/hello", "hello");
        }
        as_expected = client_read_to_end(fd, answer + len, sizeof(answer) - len, CLOSE_MS) >= 0;
    } else {
        as_expected = client_read_until(fd, answer, sizeof(answer), "hello");
        client_send(fd, "GET /last HTTP/1.1\r\n" HOST "\r\n");
        size_t len = strlen(answer);
        as_expected = as_expected && client_read_until(fd, answer + len, sizeof(answer) - len, LAST);
        char *end = strstr(answer, "HTTP/1.1 299");
        as_expected = as_expected && end != NULL;
        if (end != NULL) {
            *end = '\0';
        }
    }
    close(fd);
    return as_expected;
}

static void run_row(const row_t *row)
{
    bool as_expected = exchange(row);
    const char *last = "nothing";
    int answers = count(answer, "HTTP/1.1 ", &last);
    if (!as_expected || answers != row->answers || strncmp(last, row->answer, strlen(row->answer)) != 0) {
        TEST_FAIL("%s: expected %d answers, the last %.40s, and that the connection %s (%s); got %d, %.60s%s",
                  row->name, row->answers, row->answer, row->afterwards == CLOSES ? "closes" : "stays", row->source,
                  answers, last, as_expected ? "" : ", and the connection did not");
    }
}

static void requests_get_their_answers(void)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        run_row(&rows[i]);
    }
}

/*
 * httpd_main.c: httpd_process_session looks at what is left of a block of 128 bytes only when select() has returned,
 * and nobody wakes that for it.
 */
static void a_request_in_the_same_block_waits_for_any_other(void)
{
    int fd = client_connect(TEST_PORT);
    client_send(fd, "GET /hello HTTP/1.1\r\n" HOST "\r\nGET /last HTTP/1.1\r\n" HOST "\r\n");
    TEST_TRUE(client_read_until(fd, answer, sizeof(answer), "hello"));
    TEST_TRUE(client_quiet(fd, 300));
    client_expect_get(other_fd, "/hello", "hello");
    TEST_TRUE(client_read_until(fd, answer, sizeof(answer), LAST));
    close(fd);
}

/* httpd_sess.c: each session keeps what it has received too much, httpd_main.c: the loop takes them in turn. */
static void sessions_beside_each_other_keep_apart(void)
{
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = client_connect(TEST_PORT);
        client_expect_get(fds[i], "/hello", "hello");
    }
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3; i++) {
            client_expect_get(fds[(i + round) % 3], "/hello?round", "hello");
        }
    }
    for (int i = 0; i < 3; i++) {
        close(fds[i]);
    }
}

/* httpd_txrx.c: httpd_req_recv hands on what recv() says, and 0 is the end. */
static void a_client_that_leaves_ends_its_body(void)
{
    int fd = client_connect(TEST_PORT);
    client_send(fd, "POST /body HTTP/1.1\r\nContent-Length: 10\r\n\r\n123");
    close(fd);
    TEST_TRUE(test_wait(&body_ended, 1, CLOSE_MS));
    fd = client_connect(TEST_PORT);
    client_expect_get(fd, "/hello", "hello");
    close(fd);
}

void app_main(void)
{
    test_board_begin();
    httpd_config_t config = test_config();
    server = test_start(&config);
    test_handle(server, HTTP_GET, "/hello", say_hello);
    test_handle(server, HTTP_POST, "/hello", say_hello);
    test_handle(server, HTTP_GET, "/last", say_last);
    test_handle(server, HTTP_POST, "/length", ask_for_a_length);
    test_handle(server, HTTP_POST, "/body", read_a_body);
    test_handle(server, HTTP_GET, "/error", answer_with_error);
    other_fd = client_connect(TEST_PORT);
    client_expect_get(other_fd, "/hello", "hello");
    TEST_RUN(requests_get_their_answers);
    TEST_RUN(a_request_in_the_same_block_waits_for_any_other);
    TEST_RUN(sessions_beside_each_other_keep_apart);
    TEST_RUN(a_client_that_leaves_ends_its_body);
    close(other_fd);
    test_stop(server);
    TEST_END();
}
