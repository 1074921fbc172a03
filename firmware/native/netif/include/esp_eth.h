/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Everything an application includes for Ethernet.
 */
#pragma once

#include "esp_eth_com.h"
#include "esp_eth_driver.h"
#include "esp_eth_mac.h"
#include "esp_eth_netif_glue.h"
#include "esp_eth_phy.h"
