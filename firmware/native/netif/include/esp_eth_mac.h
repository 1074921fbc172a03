/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Ethernet MAC: the OpenCores MAC that emulators offer, by its ESP-IDF name; its frames go to the supervisor.
 */
#pragma once

#include <stdint.h>

#include "esp_eth_com.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct esp_eth_mac_s esp_eth_mac_t;

typedef struct {
    uint32_t sw_reset_timeout_ms;
    uint32_t rx_task_stack_size; /* bytes */
    uint32_t rx_task_prio;
    uint32_t flags;
} eth_mac_config_t;

#define ETH_MAC_DEFAULT_CONFIG()                                                               \
    {                                                                                          \
        .sw_reset_timeout_ms = 100, .rx_task_stack_size = 4096, .rx_task_prio = 15, .flags = 0 \
    }

esp_eth_mac_t *esp_eth_mac_new_openeth(const eth_mac_config_t *config);

#ifdef __cplusplus
}
#endif
