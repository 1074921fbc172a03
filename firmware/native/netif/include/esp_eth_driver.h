/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Ethernet driver: joins a MAC and a PHY, starts and stops them.
 */
#pragma once

#include <stdint.h>

#include "esp_eth_com.h"
#include "esp_eth_mac.h"
#include "esp_eth_phy.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    esp_eth_mac_t *mac;
    esp_eth_phy_t *phy;
    uint32_t check_link_period_ms;
} esp_eth_config_t;

#define ETH_DEFAULT_CONFIG(emac, ephy)                         \
    {                                                          \
        .mac = emac, .phy = ephy, .check_link_period_ms = 2000 \
    }

esp_err_t esp_eth_driver_install(const esp_eth_config_t *config, esp_eth_handle_t *out);
esp_err_t esp_eth_driver_uninstall(esp_eth_handle_t handle);
esp_err_t esp_eth_start(esp_eth_handle_t handle);
esp_err_t esp_eth_stop(esp_eth_handle_t handle);
esp_err_t esp_eth_ioctl(esp_eth_handle_t handle, esp_eth_io_cmd_t cmd, void *data);

#ifdef __cplusplus
}
#endif
