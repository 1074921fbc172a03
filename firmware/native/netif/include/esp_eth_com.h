/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Types that Ethernet driver, MAC and PHY share.
 */
#pragma once

#include "esp_err.h"
#include "esp_event_base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef void *esp_eth_handle_t;
typedef enum {
    ETH_LINK_UP,
    ETH_LINK_DOWN
} eth_link_t;

/* The data of each event is the esp_eth_handle_t. */
ESP_EVENT_DECLARE_BASE(ETH_EVENT);

typedef enum {
    ETHERNET_EVENT_START,
    ETHERNET_EVENT_STOP,
    ETHERNET_EVENT_CONNECTED,
    ETHERNET_EVENT_DISCONNECTED,
} eth_event_t;

typedef enum {
    ETH_CMD_G_MAC_ADDR,
    ETH_CMD_S_MAC_ADDR,
} esp_eth_io_cmd_t;

#ifdef __cplusplus
}
#endif
