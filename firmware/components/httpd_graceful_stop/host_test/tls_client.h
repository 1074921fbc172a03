/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * As client.h, through TLS: a client whose handshake is done, read by a task of its own.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "esp_tls.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"

#define TLS_CLIENT_TAIL 128

typedef struct {
    esp_tls_t *tls;
    int fd;
    bool reading;
    SemaphoreHandle_t ended;
    _Atomic size_t received;
    _Atomic int last;               /* what the last read returned: 0 = the end, negative = a failure */
    char tail[TLS_CLIENT_TAIL + 1]; /* the last bytes received; to be read when it has ended */
} tls_client_t;

/** Connects, shakes hands with whom @p ca names, and sends @p request. Nothing is read. */
tls_client_t *tls_client_connect(uint16_t port, const unsigned char *ca, size_t ca_size, const char *request);
void tls_client_send(tls_client_t *client, const char *bytes, size_t len);

/** Begins to read, in a task, until the server ends the connection. */
void tls_client_read(tls_client_t *client);

bool tls_client_wait_received(tls_client_t *client, size_t bytes, uint32_t timeout_ms);
bool tls_client_wait_end(tls_client_t *client, uint32_t timeout_ms);
void tls_client_close(tls_client_t *client);
