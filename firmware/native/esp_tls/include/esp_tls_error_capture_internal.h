/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Where the last errors are kept; for tcp_transport, which keeps them beyond a session. Not for firmware.
 */
#pragma once

#include "esp_tls_errors.h"

esp_tls_error_handle_t esp_tls_internal_event_tracker_create(void);
void esp_tls_internal_event_tracker_destroy(esp_tls_error_handle_t h);
void esp_tls_internal_event_tracker_capture(esp_tls_error_handle_t h, esp_tls_error_type_t type, int code);
