/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * WebSocket: handshake, frames both ways, control frames, and sending from other tasks.
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "test_client.h"

#define ANSWER_BYTES 2048
#define LARGE_BYTES  70000

/* Key and answer of RFC 6455, section 1.3. */
#define UPGRADE(path, more)                                                                 \
    "GET " path " HTTP/1.1\r\nHost: board\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" more "\r\n"
#define VERSION_13 "Sec-WebSocket-Version: 13\r\n"
#define SWITCHED                                                                        \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

static httpd_handle_t server;
static char answer[ANSWER_BYTES];

/* ---- Client ----------------------------------------------------------------------------------------------------- */

static void send_frame(int fd, uint8_t first, const void *payload, size_t len)
{
    static const uint8_t mask[4] = {0x12, 0x34, 0x56, 0x78};
    uint8_t head[14] = {first};
    size_t head_len = 2;
    if (len < 126) {
        head[1] = (uint8_t)(0x80 | len);
    } else {
        head[1] = 0x80 | 126;
        head[2] = (uint8_t)(len >> 8);
        head[3] = (uint8_t)len;
        head_len = 4;
    }
    memcpy(head + head_len, mask, sizeof(mask));
    client_send_bytes(fd, head, head_len + sizeof(mask));
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = ((const uint8_t *)payload)[i] ^ mask[i % 4];
        client_send_bytes(fd, &byte, 1);
    }
}

/* @return the payload's length; its bytes are in `answer`, as far as they fit */
static size_t expect_frame(int fd, uint8_t first)
{
    uint8_t head[10];
    client_read_exactly(fd, head, 2);
    TEST_EQ(first, head[0]);
    size_t len = head[1];
    if (len == 126) {
        client_read_exactly(fd, head, 2);
        len = (size_t)head[0] << 8 | head[1];
    } else if (len == 127) {
        client_read_exactly(fd, head, 8);
        len = (size_t)head[5] << 16 | (size_t)head[6] << 8 | head[7];
    }
    TEST_TRUE(len <= LARGE_BYTES);
    for (size_t left = len; left > 0;) {
        size_t part = left < sizeof(answer) - 1 ? left : sizeof(answer) - 1;
        client_read_exactly(fd, answer, part);
        answer[part] = '\0';
        left -= part;
    }
    return len;
}

/* ---- Handlers --------------------------------------------------------------------------------------------------- */

static _Atomic int handshakes, ws_fd;
static _Atomic int frames_seen, last_type, last_final;
static char user_ctx[] = "mine";

static esp_err_t echo(httpd_req_t *req)
{
    TEST_TRUE(req->user_ctx == user_ctx);
    if (req->method == HTTP_GET) { /* the handshake is done */
        ws_fd = httpd_req_to_sockfd(req);
        handshakes++;
        return ESP_OK;
    }
    httpd_ws_frame_t frame = {0};
    esp_err_t err = httpd_ws_recv_frame(req, &frame, 0); /* the length first */
    if (err != ESP_OK) {
        return err;
    }
    uint8_t payload[512] = {0};
    TEST_TRUE(frame.len < sizeof(payload));
    frame.payload = payload;
    if (frame.len > 0) {
        err = httpd_ws_recv_frame(req, &frame, frame.len);
        if (err != ESP_OK) {
            return err;
        }
    }
    last_type = (int)frame.type;
    last_final = frame.final;
    frames_seen++;
    return frame.type <= HTTPD_WS_TYPE_BINARY ? httpd_ws_send_frame(req, &frame) : ESP_OK;
}

static void begin_with(bool control_frames)
{
    httpd_config_t config = test_config();
    server = test_start(&config);
    httpd_uri_t uri = {
        .uri = "/ws",
        .method = HTTP_GET,
        .handler = echo,
        .user_ctx = user_ctx,
        .is_websocket = true,
        .handle_ws_control_frames = control_frames,
        .supported_subprotocol = "frames",
    };
    TEST_EQ(ESP_OK, httpd_register_uri_handler(server, &uri));
    frames_seen = 0;
    last_type = -1;
    test_log_clear();
}

/* The answer comes before the handler is called: waits for both. */
static int open_ws(const char *request)
{
    handshakes = 0;
    int fd = client_connect(TEST_PORT);
    client_send(fd, request);
    TEST_TRUE(client_read_until(fd, answer, sizeof(answer), "\r\n\r\n"));
    TEST_TRUE(test_wait(&handshakes, 1, 1000));
    return fd;
}

/* The socket is closed a moment before its place in the table is free. */
static void wait_until_gone(void)
{
    for (int64_t end_ms = test_now_ms() + 1000; httpd_ws_get_fd_info(server, ws_fd) != HTTPD_WS_CLIENT_INVALID;) {
        TEST_TRUE(test_now_ms() < end_ms);
        test_sleep_ms(10);
    }
}

/* ---- Cases ------------------------------------------------------------------------------------------------------ */

static void handshake(void)
{
    begin_with(false);
    int fd = open_ws(UPGRADE("/ws", VERSION_13));
    TEST_STR_EQ(SWITCHED "\r\n", answer);
    TEST_EQ(HTTPD_WS_CLIENT_WEBSOCKET, httpd_ws_get_fd_info(server, ws_fd));
    TEST_EQ(HTTPD_WS_CLIENT_INVALID, httpd_ws_get_fd_info(server, 1000));
    close(fd);

    fd = open_ws(UPGRADE("/ws", VERSION_13 "Sec-WebSocket-Protocol: other, frames\r\n"));
    TEST_STR_EQ(SWITCHED "Sec-WebSocket-Protocol: frames\r\n\r\n", answer);
    close(fd);
    fd = open_ws(UPGRADE("/ws", VERSION_13 "Sec-WebSocket-Protocol: other\r\n"));
    TEST_STR_EQ(SWITCHED "\r\n", answer);
    close(fd);

    fd = client_connect(TEST_PORT);
    client_send(fd, UPGRADE("/ws", "Sec-WebSocket-Version: 8\r\n"));
    TEST_EQ(0, client_read_to_end(fd, answer, sizeof(answer), 1000));
    TEST_TRUE(test_logged("\"Sec-WebSocket-Version\" is not \"13\", it is: 8"));
    close(fd);
    test_stop(server);
}

static void frames_come_back(void)
{
    begin_with(false);
    int fd = open_ws(UPGRADE("/ws", VERSION_13));
    send_frame(fd, 0x81, "Hello", 5);
    TEST_EQ(5, expect_frame(fd, 0x81));
    TEST_STR_EQ("Hello", answer);

    char longer[300];
    memset(longer, 'x', sizeof(longer));
    send_frame(fd, 0x82, longer, sizeof(longer));
    TEST_EQ(sizeof(longer), expect_frame(fd, 0x82));
    TEST_TRUE(memcmp(longer, answer, sizeof(longer)) == 0);

    send_frame(fd, 0x01, "first", 5); /* a part: FIN is not set, and what is echoed is whole */
    TEST_EQ(5, expect_frame(fd, 0x81));
    TEST_EQ(0, last_final);
    send_frame(fd, 0x80, "rest", 4);
    TEST_EQ(4, expect_frame(fd, 0x80));
    TEST_EQ(1, last_final);
    close(fd);
    test_stop(server);
}

static void control_frames_are_answered(void)
{
    begin_with(false);
    int fd = open_ws(UPGRADE("/ws", VERSION_13));
    send_frame(fd, 0x89, "ping?", 5);
    TEST_EQ(5, expect_frame(fd, 0x8a));
    TEST_STR_EQ("ping?", answer);
    TEST_EQ(0, frames_seen);
#if TEST_SERVER_SINCE(5, 4)
    send_frame(fd, 0x8a, "", 0); /* a PONG nobody asked for is the handler's; before, it is left in the stream */
    TEST_TRUE(test_wait(&frames_seen, 1, 1000));
    TEST_EQ(HTTPD_WS_TYPE_PONG, last_type);
    frames_seen = 0;
#endif
    send_frame(fd, 0x88, "\x03\xe8", 2);
    TEST_EQ(0, expect_frame(fd, 0x88));
    TEST_EQ(0, client_read_to_end(fd, answer, sizeof(answer), 1000));
    TEST_EQ(0, frames_seen);
    wait_until_gone();
    close(fd);
    test_stop(server);
}

static void control_frames_can_be_the_handlers(void)
{
    begin_with(true);
    int fd = open_ws(UPGRADE("/ws", VERSION_13));
    send_frame(fd, 0x89, "ping?", 5);
    TEST_TRUE(test_wait(&frames_seen, 1, 1000));
    TEST_EQ(HTTPD_WS_TYPE_PING, last_type);
    send_frame(fd, 0x88, "\x03\xe8", 2);
    TEST_TRUE(test_wait(&frames_seen, 2, 1000));
    TEST_EQ(HTTPD_WS_TYPE_CLOSE, last_type);
    TEST_EQ(0, client_read_to_end(fd, answer, sizeof(answer), 1000)); /* closed all the same, without an answer */
    close(fd);
    test_stop(server);
}

static void an_unmasked_frame_ends_the_session(void)
{
    begin_with(false);
    int fd = open_ws(UPGRADE("/ws", VERSION_13));
    client_send_bytes(fd, "\x81\x05Hello", 7);
    TEST_EQ(0, client_read_to_end(fd, answer, sizeof(answer), 1000));
    TEST_TRUE(test_logged("httpd_ws_recv_frame: WS frame is not properly masked."));
    close(fd);
    test_stop(server);
}

static void leaving_without_a_close_is_noticed(void)
{
    begin_with(false);
    int fd = open_ws(UPGRADE("/ws", VERSION_13));
    close(fd);
    wait_until_gone();
    TEST_TRUE(test_logged("Failed to read header byte (socket FD invalid), closing socket now"));
    test_stop(server);
}

static _Atomic int async_done;
static volatile esp_err_t async_result;

static void transfer_complete(esp_err_t err, int socket, void *arg)
{
    TEST_EQ(ws_fd, socket);
    TEST_TRUE(arg == user_ctx);
    async_result = err;
    async_done = 1;
}

static void other_tasks_can_send(void)
{
    begin_with(false);
    int fd = open_ws(UPGRADE("/ws", VERSION_13));
    uint8_t payload[] = "pushed";
    httpd_ws_frame_t frame = {.type = HTTPD_WS_TYPE_BINARY, .payload = payload, .len = 6};
    TEST_EQ(ESP_OK, httpd_ws_send_frame_async(server, ws_fd, &frame));
    TEST_EQ(6, expect_frame(fd, 0x82));
    TEST_EQ(ESP_OK, httpd_ws_send_data(server, ws_fd, &frame));
    TEST_EQ(6, expect_frame(fd, 0x82));
    TEST_STR_EQ("pushed", answer);
    async_done = 0;
    TEST_EQ(ESP_OK, httpd_ws_send_data_async(server, ws_fd, &frame, transfer_complete, user_ctx));
    TEST_EQ(6, expect_frame(fd, 0x82));
    TEST_TRUE(test_wait(&async_done, 1, 1000));
    TEST_EQ(ESP_OK, async_result);

    frame.fragmented = true;
    TEST_EQ(ESP_OK, httpd_ws_send_frame_async(server, ws_fd, &frame));
    TEST_EQ(6, expect_frame(fd, 0x02));
    frame.final = true;
    frame.type = HTTPD_WS_TYPE_CONTINUE;
    TEST_EQ(ESP_OK, httpd_ws_send_frame_async(server, ws_fd, &frame));
    TEST_EQ(6, expect_frame(fd, 0x80));

    TEST_EQ(ESP_FAIL, httpd_ws_send_data(server, 1000, &frame));
    TEST_EQ(ESP_ERR_INVALID_ARG, httpd_ws_send_frame_async(server, ws_fd, NULL));
    close(fd);
    test_stop(server);
}

static _Atomic int large_sent;

static void send_large(void *arg)
{
    httpd_ws_frame_t *frame = arg;
    TEST_EQ(ESP_OK, httpd_ws_send_frame_async(server, ws_fd, frame));
    large_sent = 1;
    vTaskDelete(NULL);
}

static void a_large_frame_has_a_64_bit_length(void)
{
    begin_with(false);
    int fd = open_ws(UPGRADE("/ws", VERSION_13));
    httpd_ws_frame_t frame = {.type = HTTPD_WS_TYPE_BINARY, .payload = malloc(LARGE_BYTES), .len = LARGE_BYTES};
    TEST_TRUE(frame.payload != NULL);
    memset(frame.payload, 'L', LARGE_BYTES);
    test_task(send_large, "large", &frame);
    TEST_EQ(LARGE_BYTES, expect_frame(fd, 0x82));
    TEST_TRUE(test_wait(&large_sent, 1, 1000));
    free(frame.payload);
    close(fd);
    test_stop(server);
}

static void stop_sends_no_close_frame(void)
{
    begin_with(false);
    int fd = open_ws(UPGRADE("/ws", VERSION_13));
    test_stop(server);
    TEST_EQ(0, client_read_to_end(fd, answer, sizeof(answer), 1000));
    close(fd);
}

void app_main(void)
{
    test_board_begin();
    TEST_RUN(handshake);
    TEST_RUN(frames_come_back);
    TEST_RUN(control_frames_are_answered);
    TEST_RUN(control_frames_can_be_the_handlers);
    TEST_RUN(an_unmasked_frame_ends_the_session);
    TEST_RUN(leaving_without_a_close_is_noticed);
    TEST_RUN(other_tasks_can_send);
    TEST_RUN(a_large_frame_has_a_64_bit_length);
    TEST_RUN(stop_sends_no_close_frame);
    TEST_END();
}
