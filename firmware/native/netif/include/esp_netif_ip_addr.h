/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * IPv4 addresses as esp_netif passes them: network byte order.
 */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    uint32_t addr;
} esp_ip4_addr_t;

#define esp_ip4_addr_get_byte(ip, index) (((const uint8_t *)(&(ip)->addr))[index])
#define esp_ip4_addr1_16(ip)             ((uint16_t)esp_ip4_addr_get_byte(ip, 0))
#define esp_ip4_addr2_16(ip)             ((uint16_t)esp_ip4_addr_get_byte(ip, 1))
#define esp_ip4_addr3_16(ip)             ((uint16_t)esp_ip4_addr_get_byte(ip, 2))
#define esp_ip4_addr4_16(ip)             ((uint16_t)esp_ip4_addr_get_byte(ip, 3))

#define IPSTR      "%d.%d.%d.%d"
#define IP2STR(ip) esp_ip4_addr1_16(ip), esp_ip4_addr2_16(ip), esp_ip4_addr3_16(ip), esp_ip4_addr4_16(ip)

char *esp_ip4addr_ntoa(const esp_ip4_addr_t *addr, char *buf, int buf_len);

#ifdef __cplusplus
}
#endif
