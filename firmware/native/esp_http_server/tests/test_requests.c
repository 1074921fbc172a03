/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Requests and responses: which handler is called with what, and what the client gets to see.
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test_client.h"

#define ANSWER_BYTES 2048

static httpd_handle_t server;
static char answer[ANSWER_BYTES];

static esp_err_t say_hello(httpd_req_t *req)
{
    return httpd_resp_sendstr(req, "hello");
}

static void begin(void)
{
    httpd_config_t config = test_config();
    server = test_start(&config);
    test_handle(server, HTTP_GET, "/hello", say_hello);
    test_log_clear();
}

static void end(void)
{
    test_stop(server);
}

/* Sends the text on a connection of its own and reads until the server closes it. */
static const char *exchange_to_end(const char *text)
{
    int fd = client_connect(TEST_PORT);
    client_send(fd, text);
    if (client_read_to_end(fd, answer, sizeof(answer), 2000) < 0) {
        TEST_FAIL("the server did not close after: %s", text);
    }
    close(fd);
    return answer;
}

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static void a_handler_answers(void)
{
    begin();
    int fd = client_connect(TEST_PORT);
    client_send(fd, "GET /hello HTTP/1.1\r\nHost: board\r\n\r\n");
    TEST_TRUE(client_read_until(fd, answer, sizeof(answer), "hello"));
    TEST_STR_EQ("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello", answer);
    client_expect_get(fd, "/hello", "hello"); /* the connection stays */
    close(fd);
    end();
}

static void unknown_paths_and_methods_close(void)
{
    char expected[160];
    snprintf(expected, sizeof(expected),
             "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: %zu\r\n\r\n%s",
             sizeof(TEST_NOT_FOUND) - 1, TEST_NOT_FOUND);
    begin();
    TEST_STR_EQ(expected, exchange_to_end("GET /nothing HTTP/1.1\r\nHost: board\r\n\r\n"));
    TEST_TRUE(test_logged("httpd_uri: URI '/nothing' not found"));
    TEST_TRUE(test_logged("httpd_resp_send_err: 404 Not Found - " TEST_NOT_FOUND));
    TEST_TRUE(begins_with(exchange_to_end("POST /hello HTTP/1.1\r\nHost: board\r\nContent-Length: 0\r\n\r\n"),
                          "HTTP/1.1 405 Method Not Allowed\r\n"));
    end();
}

static void malformed_requests_close(void)
{
    begin();
    TEST_TRUE(begins_with(exchange_to_end("what is this\r\n\r\n"), "HTTP/1.1 400 Bad Request\r\n"));
    TEST_TRUE(begins_with(exchange_to_end("GET /hello HTTP/2.0\r\nHost: board\r\n\r\n"),
                          "HTTP/1.1 505 Version Not Supported\r\n"));
    TEST_TRUE(begins_with(exchange_to_end("GET /hello HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"),
                          "HTTP/1.1 400 Bad Request\r\n"));
    end();
}

/* A URI of `length` bytes that starts with /hello. */
static void send_long_uri(int fd, size_t length)
{
    char *uri = malloc(length + 1);
    TEST_TRUE(uri != NULL);
    memset(uri, 'a', length);
    memcpy(uri, "/hello?", 7);
    uri[length] = '\0';
    client_send(fd, "GET ");
    client_send(fd, uri);
    free(uri);
}

static void long_uris_are_refused(void)
{
    begin();
    int fd = client_connect(TEST_PORT);
    send_long_uri(fd, 490);
    client_send(fd, " HTTP/1.1\r\nHost: board\r\n\r\n");
    TEST_TRUE(client_read_until(fd, answer, sizeof(answer), "hello"));
    close(fd);

    fd = client_connect(TEST_PORT);
    send_long_uri(fd, CONFIG_HTTPD_MAX_URI_LEN + 1);
    TEST_TRUE(client_read_until(fd, answer, sizeof(answer), "URI is too long"));
    TEST_TRUE(begins_with(answer, "HTTP/1.1 414 URI Too Long\r\n"));
    close(fd);
    end();
}

static void send_header_section(int fd, size_t length)
{
    char *headers = malloc(length + 1);
    TEST_TRUE(headers != NULL);
    memset(headers, 'b', length);
    memcpy(headers, "X-Long: ", 8);
    memcpy(headers + length - 4, "\r\n\r\n", 4);
    headers[length] = '\0';
    client_send(fd, "GET /hello HTTP/1.1\r\n");
    client_send(fd, headers);
    free(headers);
}

static void long_headers_are_refused(void)
{
    begin();
    int fd = client_connect(TEST_PORT);
    send_header_section(fd, CONFIG_HTTPD_MAX_REQ_HDR_LEN);
    TEST_TRUE(client_read_until(fd, answer, sizeof(answer), "hello"));
    close(fd);

    fd = client_connect(TEST_PORT);
    send_header_section(fd, CONFIG_HTTPD_MAX_REQ_HDR_LEN + 2);
    client_read_until(fd, answer, sizeof(answer), "\r\n");
    TEST_TRUE(begins_with(answer, "HTTP/1.1 431 Request Header Fields Too Large\r\n"));
    close(fd);
    end();
}

static void requests_come_in_any_pieces(void)
{
    begin();
    int fd = client_connect(TEST_PORT);
    const char *request = "GET /hello HTTP/1.1\r\nHost: board\r\n\r\n";
    for (const char *byte = request; *byte; byte++) {
        client_send_bytes(fd, byte, 1);
    }
    TEST_TRUE(client_read_until(fd, answer, sizeof(answer), "hello"));
    close(fd);
    end();
}

static void pipelined_requests_are_answered_in_order(void)
{
    begin();
    test_handle(server, HTTP_POST, "/hello", say_hello);
    int fd = client_connect(TEST_PORT);
    client_send(fd, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
                    "POST /hello HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345"
                    "GET /hello HTTP/1.1\r\nHost: b\r\n\r\n"
                    "GET /last HTTP/1.1\r\nHost: c\r\n\r\n");
    TEST_TRUE(client_read_to_end(fd, answer, sizeof(answer), 2000) > 0);
    int answers = 0;
    for (const char *at = answer; (at = strstr(at, "\r\n\r\nhello")) != NULL; at++) {
        answers++;
    }
    TEST_EQ(3, answers);
    TEST_TRUE(strstr(answer, "404 Not Found") > strstr(answer, "hello"));
    close(fd);
    end();
}

/* ---- What a handler can ask ------------------------------------------------------------------------------------- */

static esp_err_t check_questions(httpd_req_t *req)
{
    char text[16];
    size_t size = sizeof(text);
    TEST_EQ(HTTP_GET, req->method);
    TEST_STR_EQ("/ask?interval=500&name=&long=0123456789abcdefg", req->uri);
    TEST_TRUE(httpd_req_to_sockfd(req) >= 0);

    TEST_EQ(5, httpd_req_get_hdr_value_len(req, "hOST"));
    TEST_EQ(ESP_OK, httpd_req_get_hdr_value_str(req, "Host", text, sizeof(text)));
    TEST_STR_EQ("board", text);
    TEST_EQ(ESP_ERR_HTTPD_RESULT_TRUNC, httpd_req_get_hdr_value_str(req, "Host", text, 5)); /* no room for the NUL */
    TEST_STR_EQ("boar", text);
    TEST_EQ(ESP_OK, httpd_req_get_hdr_value_str(req, "Host", text, 6));
    TEST_EQ(0, httpd_req_get_hdr_value_len(req, "X-Empty"));
    TEST_EQ(ESP_OK, httpd_req_get_hdr_value_str(req, "X-Empty", text, sizeof(text)));
    TEST_STR_EQ("", text);
    TEST_EQ(ESP_ERR_NOT_FOUND, httpd_req_get_hdr_value_str(req, "X-Missing", text, sizeof(text)));
    TEST_EQ(ESP_OK, httpd_req_get_hdr_value_str(req, "X-Last", text, sizeof(text)));
    TEST_STR_EQ("z", text);

    char query[64];
    TEST_EQ(strlen("interval=500&name=&long=0123456789abcdefg"), httpd_req_get_url_query_len(req));
    TEST_EQ(ESP_OK, httpd_req_get_url_query_str(req, query, sizeof(query)));
    TEST_EQ(ESP_OK, httpd_query_key_value(query, "interval", text, sizeof(text)));
    TEST_STR_EQ("500", text);
    TEST_EQ(ESP_OK, httpd_query_key_value(query, "name", text, sizeof(text)));
    TEST_STR_EQ("", text);
    TEST_EQ(ESP_ERR_HTTPD_RESULT_TRUNC, httpd_query_key_value(query, "long", text, sizeof(text)));
    TEST_EQ(ESP_ERR_NOT_FOUND, httpd_query_key_value(query, "inter", text, sizeof(text)));
    TEST_EQ(ESP_ERR_HTTPD_RESULT_TRUNC, httpd_req_get_url_query_str(req, query, 5));

    TEST_EQ(ESP_OK, httpd_req_get_cookie_val(req, "b", text, &size));
    TEST_STR_EQ("22", text);
    TEST_EQ(3, size);
    TEST_EQ(ESP_ERR_NOT_FOUND, httpd_req_get_cookie_val(req, "c", text, &size));
    return httpd_resp_sendstr(req, "asked");
}

static void handlers_see_headers_query_and_cookies(void)
{
    begin();
    test_handle(server, HTTP_GET, "/ask", check_questions);
    int fd = client_connect(TEST_PORT);
    client_send(fd, "GET /ask?interval=500&name=&long=0123456789abcdefg HTTP/1.1\r\nHost: board\r\nX-Empty:\r\n"
                    "Cookie: a=1; b=22\r\nX-Last: z\r\n\r\n");
    TEST_TRUE(client_read_until(fd, answer, sizeof(answer), "asked"));
    close(fd);
    end();
}

static void wildcards(void)
{
    static const struct {
        const char *pattern, *uri;
        bool matches;
    } rows[] = {
        {"/a", "/a", true},      {"/a", "/ab", false},    {"/a*", "/ab", true},  {"/a*", "/a", true},
        {"*", "/x", true},       {"/a?", "/a", true},     {"/a?", "/", true},    {"/a?", "/b", false},
        {"/a?", "/ab", false},   {"?", "", false},        {"/a/?*", "/a", true}, {"/a/?*", "/a/b", true},
        {"/a/?*", "/ab", false}, {"/a/*?", "/a/b", true}, {"*?", "/", false},    {"", "", true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (httpd_uri_match_wildcard(rows[i].pattern, rows[i].uri, strlen(rows[i].uri)) != rows[i].matches) {
            TEST_FAIL("pattern \"%s\", URI \"%s\": expected %d", rows[i].pattern, rows[i].uri, rows[i].matches);
        }
    }
}

/* ---- Bodies ----------------------------------------------------------------------------------------------------- */

static esp_err_t take_three_bytes(httpd_req_t *req)
{
    char text[4] = "";
    TEST_EQ(10, req->content_len);
    for (int have = 0; have < 3;) {
        int received = httpd_req_recv(req, text + have, 3 - (size_t)have);
        TEST_TRUE(received > 0);
        have += received;
    }
    return httpd_resp_sendstr(req, text);
}

static void what_is_left_of_a_body_is_discarded(void)
{
    begin();
    test_handle(server, HTTP_POST, "/take", take_three_bytes);
    int fd = client_connect(TEST_PORT);
    client_send(fd, "POST /take HTTP/1.1\r\nContent-Length: 10\r\n\r\n01");
    client_send(fd, "23456");
    TEST_TRUE(client_read_until(fd, answer, sizeof(answer), "012"));
    client_send(fd, "789");
    client_expect_get(fd, "/hello", "hello");
    close(fd);
    end();
}

static esp_err_t send_chunks(httpd_req_t *req)
{
    TEST_EQ(ESP_OK, httpd_resp_set_type(req, "multipart/x-mixed-replace;boundary=b"));
    TEST_EQ(ESP_OK, httpd_resp_set_hdr(req, "X-One", "1"));
#if TEST_SERVER_SINCE(5, 5) /* before, it lets a second header in */
    TEST_EQ(ESP_ERR_INVALID_ARG, httpd_resp_set_hdr(req, "X-Two", "2\r\nX-Three: 3"));
#endif
    TEST_EQ(ESP_OK, httpd_resp_sendstr_chunk(req, "abc"));
    TEST_EQ(ESP_OK, httpd_resp_send_chunk(req, "0123456789abcdef-", 17));
    return httpd_resp_send_chunk(req, NULL, 0);
}

static void chunks(void)
{
    begin();
    test_handle(server, HTTP_GET, "/chunks", send_chunks);
    int fd = client_connect(TEST_PORT);
    client_send(fd, "GET /chunks HTTP/1.1\r\nHost: board\r\n\r\n");
    TEST_TRUE(client_read_until(fd, answer, sizeof(answer), "\r\n0\r\n\r\n"));
    TEST_STR_EQ("HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=b\r\n"
                "Transfer-Encoding: chunked\r\nX-One: 1\r\n\r\n3\r\nabc\r\n11\r\n0123456789abcdef-\r\n0\r\n\r\n",
                answer);
    client_expect_get(fd, "/hello", "hello");
    close(fd);
    end();
}

static esp_err_t set_nine_headers(httpd_req_t *req)
{
    for (int i = 0; i < 8; i++) {
        TEST_EQ(ESP_OK, httpd_resp_set_hdr(req, "X-Many", "1"));
    }
    TEST_EQ(ESP_ERR_HTTPD_RESP_HDR, httpd_resp_set_hdr(req, "X-Many", "1"));
    return ESP_FAIL;
}

static void a_failing_handler_closes(void)
{
    begin();
    test_handle(server, HTTP_GET, "/fail", set_nine_headers);
    TEST_STR_EQ("", exchange_to_end("GET /fail HTTP/1.1\r\nHost: board\r\n\r\n"));
    TEST_TRUE(test_logged("httpd_uri: uri handler execution failed"));
    end();
}

/* ---- Errors and registration ------------------------------------------------------------------------------------ */

static esp_err_t go_on_after_404(httpd_req_t *req, httpd_err_code_t error)
{
    TEST_EQ(HTTPD_404_NOT_FOUND, error);
    httpd_resp_set_status(req, "404 Gone Fishing");
    httpd_resp_sendstr(req, "later");
    return ESP_OK;
}

static void an_error_handler_can_keep_the_session(void)
{
    begin();
    TEST_EQ(ESP_OK, httpd_register_err_handler(server, HTTPD_404_NOT_FOUND, go_on_after_404));
    int fd = client_connect(TEST_PORT);
    client_send(fd, "GET /nothing HTTP/1.1\r\nHost: board\r\n\r\n");
    TEST_TRUE(client_read_until(fd, answer, sizeof(answer), "later"));
    TEST_TRUE(begins_with(answer, "HTTP/1.1 404 Gone Fishing\r\n"));
    client_expect_get(fd, "/hello", "hello");
    close(fd);
    end();
}

static void registration(void)
{
    httpd_config_t config = test_config();
    config.max_uri_handlers = 3;
    server = test_start(&config);
    httpd_uri_t uri = {.uri = "/a", .method = HTTP_GET, .handler = say_hello};
    TEST_EQ(ESP_OK, httpd_register_uri_handler(server, &uri));
    TEST_EQ(ESP_ERR_HTTPD_HANDLER_EXISTS, httpd_register_uri_handler(server, &uri));
    uri.method = HTTP_POST;
    TEST_EQ(ESP_OK, httpd_register_uri_handler(server, &uri));
    uri.uri = "/b";
    uri.method = TEST_ANY_METHOD;
    TEST_EQ(ESP_OK, httpd_register_uri_handler(server, &uri));
    uri.uri = "/c";
    TEST_EQ(ESP_ERR_HTTPD_HANDLERS_FULL, httpd_register_uri_handler(server, &uri));

    int fd = client_connect(TEST_PORT);
    client_expect_get(fd, "/a", "hello");
    TEST_EQ(ESP_OK, httpd_unregister_uri_handler(server, "/a", HTTP_GET));
    TEST_EQ(ESP_ERR_NOT_FOUND, httpd_unregister_uri_handler(server, "/a", HTTP_GET));
    client_expect_get(fd, "/b", "hello"); /* what was registered after it is still found */
    TEST_EQ(ESP_OK, httpd_unregister_uri(server, "/a"));
    TEST_EQ(ESP_ERR_NOT_FOUND, httpd_unregister_uri(server, "/a"));
    client_send(fd, "POST /a HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    TEST_TRUE(client_read_to_end(fd, answer, sizeof(answer), 2000) > 0);
    TEST_TRUE(begins_with(answer, "HTTP/1.1 404"));
    close(fd);
    end();
}

void app_main(void)
{
    test_board_begin();
    TEST_RUN(a_handler_answers);
    TEST_RUN(unknown_paths_and_methods_close);
    TEST_RUN(malformed_requests_close);
    TEST_RUN(long_uris_are_refused);
    TEST_RUN(long_headers_are_refused);
    TEST_RUN(requests_come_in_any_pieces);
    TEST_RUN(pipelined_requests_are_answered_in_order);
    TEST_RUN(handlers_see_headers_query_and_cookies);
    TEST_RUN(wildcards);
    TEST_RUN(what_is_left_of_a_body_is_discarded);
    TEST_RUN(chunks);
    TEST_RUN(a_failing_handler_closes);
    TEST_RUN(an_error_handler_can_keep_the_session);
    TEST_RUN(registration);
    TEST_END();
}
