/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Clients for the tests: plain sockets over lwIP's loopback, each read by a task of its own, so that what it saw (how
 * much, the last bytes, CLOSE, FIN or reset, when) can be asked for afterwards.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"

#define CLIENT_TAIL 64
#define PATIENCE_MS 20000 /* for what surely comes, on a machine that is busy with other things */

typedef enum {
    CLIENT_OPEN,
    CLIENT_FIN,
    CLIENT_RESET
} client_end_t;

typedef struct {
    int fd;
    bool websocket;
    bool answers_close;
    uint32_t answer_delay_ms;
    SemaphoreHandle_t ended; /* given once, by the reading task when it is over */
    bool reading;
    _Atomic size_t received;
    _Atomic int end;
    _Atomic int close_code;     /* of the CLOSE frame; 0 = none came */
    char tail[CLIENT_TAIL + 1]; /* the last bytes received; to be read when it has ended */
    char head[CLIENT_TAIL + 1]; /* the first ones */
    int64_t ended_us;
} client_t;

/** Connects and sends @p request ("" = nothing). Nothing is read. */
client_t *client_connect(uint16_t port, const char *request);

/** Begins to read, in a task, until the server ends the connection. */
void client_read(client_t *client);

/** client_connect() and client_read(), and the first bytes have come. */
client_t *client_stream(uint16_t port, const char *path);

/** A WebSocket whose handshake is done. Reads only when @p reads; then it answers CLOSE with CLOSE. */
client_t *client_websocket(uint16_t port, const char *path, bool reads);

/** Sends a masked text frame. */
void client_send_text(client_t *client, const char *text);

/** Waits until the server has ended the connection. @return false when it has not by then */
bool client_wait_end(client_t *client, uint32_t timeout_ms);

/** Waits until more than @p bytes have come. */
bool client_wait_received(client_t *client, size_t bytes, uint32_t timeout_ms);

/** Closes and frees. */
void client_close(client_t *client);
