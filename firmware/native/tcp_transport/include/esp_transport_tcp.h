/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The transport that is a bare TCP connection of lwIP.
 */
#pragma once

#include "esp_transport.h"

#ifdef __cplusplus
extern "C" {
#endif

esp_transport_handle_t esp_transport_tcp_init(void);
/* The settings are copied; they hold for connections made afterwards. */
void esp_transport_tcp_set_keep_alive(esp_transport_handle_t t, esp_transport_keep_alive_t *keep_alive_cfg);

#ifdef __cplusplus
}
#endif
