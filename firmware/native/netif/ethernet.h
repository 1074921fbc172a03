/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the interface (esp_netif.c) and its driver (esp_eth.c) need of each other.
 */
#pragma once

#include "esp_err.h"
#include "esp_eth_com.h"
#include "esp_netif.h"
#include "lwip/pbuf.h"

/** Takes a received frame; frees it. Any task. */
typedef void (*ethernet_input_t)(void *ctx, struct pbuf *frame);
/** The link came up or went down. Any task. */
typedef void (*ethernet_link_t)(void *ctx, bool up);

/** Joins a driver to the interface that takes its frames. Before esp_eth_start(). */
void ethernet_attach(esp_eth_handle_t driver, ethernet_input_t input, ethernet_link_t link, void *ctx);

/** Sends one frame; waits while the card's ring is full, as a busy wire makes it. TCP/IP task. */
esp_err_t ethernet_send(esp_eth_handle_t driver, const struct pbuf *frame);

/** The driver behind what esp_eth_new_netif_glue() made. */
esp_eth_handle_t ethernet_of_glue(void *glue);
