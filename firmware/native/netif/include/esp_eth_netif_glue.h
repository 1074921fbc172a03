/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Glue between an Ethernet driver and esp_netif_attach().
 */
#pragma once

#include "esp_eth_driver.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct esp_eth_netif_glue_t *esp_eth_netif_glue_handle_t;

esp_eth_netif_glue_handle_t esp_eth_new_netif_glue(esp_eth_handle_t driver);
esp_err_t esp_eth_del_netif_glue(esp_eth_netif_glue_handle_t glue);

#ifdef __cplusplus
}
#endif
