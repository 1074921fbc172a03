/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * TCP connections that nobody has any more, but that still take memory until the peer has acknowledged their end.
 */
#pragma once

#include <stdint.h>

#include "esp_err.h"

typedef struct {
    uint32_t count; /* connections in FIN-WAIT-1, FIN-WAIT-2, CLOSING, LAST-ACK or TIME-WAIT */
    uint32_t bytes; /* about what they hold of the heap, data not yet acknowledged included */
} net_pcbs_t;

/** Counts them. @return ESP_OK; ESP_ERR_TIMEOUT when the TCP/IP task did not answer. One task at a time. */
esp_err_t net_pcbs_closing(net_pcbs_t *out);
