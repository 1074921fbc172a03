/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Types and events of esp_netif: the subset that an Ethernet station with DHCP uses.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "esp_event_base.h"
#include "esp_netif_ip_addr.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ESP_ERR_ESP_NETIF_BASE               0x5000
#define ESP_ERR_ESP_NETIF_INVALID_PARAMS     (ESP_ERR_ESP_NETIF_BASE + 0x01)
#define ESP_ERR_ESP_NETIF_IF_NOT_READY       (ESP_ERR_ESP_NETIF_BASE + 0x02)
#define ESP_ERR_ESP_NETIF_DHCPC_START_FAILED (ESP_ERR_ESP_NETIF_BASE + 0x03)

typedef struct esp_netif_obj esp_netif_t;

typedef struct {
    esp_ip4_addr_t ip;
    esp_ip4_addr_t netmask;
    esp_ip4_addr_t gw;
} esp_netif_ip_info_t;

ESP_EVENT_DECLARE_BASE(IP_EVENT);

typedef enum {
    IP_EVENT_STA_GOT_IP,
    IP_EVENT_STA_LOST_IP,
    IP_EVENT_AP_STAIPASSIGNED,
    IP_EVENT_GOT_IP6,
    IP_EVENT_ETH_GOT_IP,
    IP_EVENT_ETH_LOST_IP,
    IP_EVENT_PPP_GOT_IP,
    IP_EVENT_PPP_LOST_IP,
} ip_event_t;

typedef struct {
    esp_netif_t *esp_netif;
    esp_netif_ip_info_t ip_info;
    bool ip_changed;
} ip_event_got_ip_t;

typedef struct {
    const char *if_key;
    const char *if_desc;
    int route_prio;
} esp_netif_inherent_config_t;

typedef struct {
    const esp_netif_inherent_config_t *base;
    const void *driver;
    const void *stack;
} esp_netif_config_t;

typedef void *esp_netif_iodriver_handle;

#ifdef __cplusplus
}
#endif
