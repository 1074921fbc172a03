/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * esp_netif: an interface of the TCP/IP stack, its address and name, and the glue to its driver.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "esp_err.h"
#include "esp_netif_defaults.h"
#include "esp_netif_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Starts the TCP/IP task. */
esp_err_t esp_netif_init(void);
esp_err_t esp_netif_deinit(void);
esp_netif_t *esp_netif_new(const esp_netif_config_t *config);
void esp_netif_destroy(esp_netif_t *netif);
esp_err_t esp_netif_attach(esp_netif_t *netif, esp_netif_iodriver_handle driver);
esp_err_t esp_netif_get_ip_info(esp_netif_t *netif, esp_netif_ip_info_t *info);
esp_err_t esp_netif_get_mac(esp_netif_t *netif, uint8_t mac[]);
esp_err_t esp_netif_set_hostname(esp_netif_t *netif, const char *hostname);
esp_err_t esp_netif_get_hostname(esp_netif_t *netif, const char **hostname);
bool esp_netif_is_netif_up(esp_netif_t *netif);
const char *esp_netif_get_ifkey(esp_netif_t *netif);
const char *esp_netif_get_desc(esp_netif_t *netif);
esp_netif_t *esp_netif_get_handle_from_ifkey(const char *if_key);

#ifdef __cplusplus
}
#endif
