/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What TCP and TLS transports have in common: one socket, with or without a TLS session over it.
 */
#pragma once

#include "esp_tls.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "transport_private.h"

#define TRANSPORT_TAG       "transport_base"
#define TRANSPORT_NO_SOCKET (-1)

struct transport_connection {
    _Atomic int fd; /* another task may close the connection while this one waits in select() */
    esp_tls_cfg_t cfg;
    tls_keep_alive_cfg_t keep_alive;
    SemaphoreHandle_t lock; /* guards the pointer below, for the same reason */
    esp_tls_t *tls;         /* NULL: a bare socket, or none */
};

/* Everything but connect, read and write is the same for both. NULL: out of memory. */
esp_transport_handle_t transport_connection_init(connect_func connect, io_read_func read, io_func write);
void transport_connection_set_keep_alive(esp_transport_handle_t t, const esp_transport_keep_alive_t *keep_alive);

/* As esp_transport_poll_read() and _write(): > 0 ready, 0 timeout, -1 failed. */
int transport_connection_poll_read(esp_transport_handle_t t, int timeout_ms);
int transport_connection_poll_write(esp_transport_handle_t t, int timeout_ms);
int transport_connection_close(esp_transport_handle_t t);
