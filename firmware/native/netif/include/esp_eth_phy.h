/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Ethernet PHY: the DP83848 that emulators offer beside the OpenCores MAC, by its ESP-IDF name.
 */
#pragma once

#include <stdint.h>

#include "esp_eth_com.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct esp_eth_phy_s esp_eth_phy_t;

typedef struct {
    int32_t phy_addr;
    uint32_t reset_timeout_ms;
    uint32_t autonego_timeout_ms;
    int reset_gpio_num;
} eth_phy_config_t;

#define ESP_ETH_PHY_ADDR_AUTO (-1)
#define ETH_PHY_DEFAULT_CONFIG()                                                                                     \
    {                                                                                                                \
        .phy_addr = ESP_ETH_PHY_ADDR_AUTO, .reset_timeout_ms = 100, .autonego_timeout_ms = 4000, .reset_gpio_num = 5 \
    }

esp_eth_phy_t *esp_eth_phy_new_dp83848(const eth_phy_config_t *config);
esp_eth_phy_t *esp_eth_phy_new_generic(const eth_phy_config_t *config);

#ifdef __cplusplus
}
#endif
