/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * See client.h.
 */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "board_test.h"
#include "esp_timer.h"
#include "freertos/task.h"

/* From RFC 6455, 1.3: this key and the accept value that belongs to it. */
#define WS_KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define WS_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static void send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        int sent = send(fd, data, len, 0);
        if (sent <= 0) {
            TEST_FAIL("a test client could not send: errno %d", errno);
        }
        data += sent;
        len -= (size_t)sent;
    }
}

client_t *client_connect(uint16_t port, const char *request)
{
    client_t *client = calloc(1, sizeof(*client));
    client->ended = xSemaphoreCreateBinary();
    client->answers_close = true;
    client->fd = socket(AF_INET, SOCK_STREAM, 0);
    TEST_TRUE(client->fd >= 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(client->fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        TEST_FAIL("a test client could not connect: errno %d", errno);
    }
    send_all(client->fd, request, strlen(request));
    return client;
}

static void keep(client_t *client, const char *data, size_t len)
{
    size_t seen = atomic_load(&client->received);
    for (size_t i = 0; i < len; i++) {
        if (seen + i < CLIENT_TAIL) {
            client->head[seen + i] = data[i];
        }
        memmove(client->tail, client->tail + 1, CLIENT_TAIL - 1);
        client->tail[CLIENT_TAIL - 1] = data[i];
    }
    atomic_store(&client->received, seen + len);
}

/* @return false at the end of the connection */
static bool read_exactly(client_t *client, unsigned char *to, size_t len)
{
    while (len > 0) {
        int got = recv(client->fd, to, len, 0);
        if (got <= 0) {
            atomic_store(&client->end, got == 0 ? CLIENT_FIN : CLIENT_RESET);
            return false;
        }
        keep(client, (char *)to, (size_t)got);
        to += got;
        len -= (size_t)got;
    }
    return true;
}

static void answer_close(client_t *client, const unsigned char *payload)
{
    const unsigned char mask[4] = {1, 2, 3, 4};
    const unsigned char frame[] = {0x88,
                                   0x82,
                                   mask[0],
                                   mask[1],
                                   mask[2],
                                   mask[3],
                                   (unsigned char)(payload[0] ^ mask[0]),
                                   (unsigned char)(payload[1] ^ mask[1])};
    send(client->fd, frame, sizeof(frame), 0);
}

static bool read_frame(client_t *client)
{
    unsigned char head[4], payload[512];
    if (!read_exactly(client, head, 2)) {
        return false;
    }
    size_t len = head[1] & 0x7f;
    if (len == 126) {
        if (!read_exactly(client, head + 2, 2)) {
            return false;
        }
        len = (size_t)(head[2] << 8 | head[3]);
    }
    for (size_t left = len; left > 0;) {
        size_t part = left < sizeof(payload) ? left : sizeof(payload);
        if (!read_exactly(client, payload, part)) {
            return false;
        }
        left -= part;
    }
    if ((head[0] & 0x0f) == 8) {
        atomic_store(&client->close_code, len >= 2 ? payload[0] << 8 | payload[1] : -1);
        if (client->answers_close) {
            vTaskDelay(pdMS_TO_TICKS(client->answer_delay_ms));
            answer_close(client, payload);
        }
    }
    return true;
}

static bool read_bytes(client_t *client)
{
    unsigned char buf[512];
    int got = recv(client->fd, buf, sizeof(buf), 0);
    if (got <= 0) {
        atomic_store(&client->end, got == 0 ? CLIENT_FIN : CLIENT_RESET);
        return false;
    }
    keep(client, (char *)buf, (size_t)got);
    return true;
}

static void reading_task(void *arg)
{
    client_t *client = arg;
    while (client->websocket ? read_frame(client) : read_bytes(client)) {
    }
    client->ended_us = esp_timer_get_time();
    xSemaphoreGive(client->ended);
    vTaskDelete(NULL);
}

void client_read(client_t *client)
{
    client->reading = true;
    TEST_TRUE(xTaskCreate(reading_task, "client", 4096, client, 5, NULL) == pdPASS);
}

client_t *client_stream(uint16_t port, const char *path)
{
    char request[128];
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: board\r\n\r\n", path);
    client_t *client = client_connect(port, request);
    client_read(client);
    TEST_TRUE(client_wait_received(client, 0, PATIENCE_MS));
    return client;
}

client_t *client_websocket(uint16_t port, const char *path, bool reads)
{
    char text[320];
    snprintf(text, sizeof(text),
             "GET %s HTTP/1.1\r\nHost: board\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: " WS_KEY "\r\nSec-WebSocket-Version: 13\r\n\r\n",
             path);
    client_t *client = client_connect(port, text);
    size_t len = 0;
    while (len < sizeof(text) - 1 && (len < 4 || memcmp(text + len - 4, "\r\n\r\n", 4) != 0)) {
        TEST_EQ(1, recv(client->fd, text + len, 1, 0));
        len++;
    }
    text[len] = '\0';
    TEST_TRUE(strstr(text, " 101 ") != NULL);
    TEST_TRUE(strstr(text, WS_ACCEPT) != NULL);
    client->websocket = true;
    if (reads) {
        client_read(client);
    }
    return client;
}

void client_send_text(client_t *client, const char *text)
{
    char frame[64] = {(char)0x81, (char)(0x80 | strlen(text)), 0, 0, 0, 0}; /* a mask of zeros changes nothing */
    memcpy(frame + 6, text, strlen(text));
    send_all(client->fd, frame, 6 + strlen(text));
}

bool client_wait_end(client_t *client, uint32_t timeout_ms)
{
    if (!client->reading) {
        client_read(client);
    }
    bool ended = xSemaphoreTake(client->ended, pdMS_TO_TICKS(timeout_ms)) == pdTRUE;
    if (ended) {
        xSemaphoreGive(client->ended);
    }
    return ended;
}

bool client_wait_received(client_t *client, size_t bytes, uint32_t timeout_ms)
{
    int64_t deadline_us = esp_timer_get_time() + (int64_t)timeout_ms * 1000;
    while (atomic_load(&client->received) <= bytes) {
        if (esp_timer_get_time() > deadline_us) {
            return false;
        }
        vTaskDelay(1);
    }
    return true;
}

void client_close(client_t *client)
{
    if (client->reading) {
        shutdown(client->fd, SHUT_RDWR);
        xSemaphoreTake(client->ended, portMAX_DELAY);
    }
    close(client->fd);
    vSemaphoreDelete(client->ended);
    free(client);
}
