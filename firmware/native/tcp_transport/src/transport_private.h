/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a kind of transport (TCP, TLS) may see of the transport it is behind.
 */
#pragma once

#include "esp_tls_error_capture_internal.h"
#include "esp_transport.h"

struct esp_transport_item_t {
    connect_func connect;
    io_read_func read;
    io_func write;
    trans_func close;
    poll_func poll_read;
    poll_func poll_write;
    trans_func destroy;
    trans_func get_socket;
    void *context;
    int default_port;
    _Atomic int sock_errno; /* set by the task that failed, read by the one that reports it */
    esp_tls_error_handle_t errors;
};
