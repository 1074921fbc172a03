/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The default configuration of an Ethernet interface, by ESP-IDF's names.
 */
#pragma once

#include "esp_netif_types.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const esp_netif_inherent_config_t _g_esp_netif_inherent_eth_config;

#define ESP_NETIF_BASE_DEFAULT_ETH     &_g_esp_netif_inherent_eth_config
#define ESP_NETIF_NETSTACK_DEFAULT_ETH NULL
#define ESP_NETIF_DEFAULT_ETH()                                           \
    {                                                                     \
        .base = ESP_NETIF_BASE_DEFAULT_ETH, .driver = NULL, .stack = NULL \
    }

#ifdef __cplusplus
}
#endif
