/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The board's way into the network: Wi-Fi station, or Ethernet in emulators and on the native board.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "esp_err.h"

/**
 * Starts the network; it connects by itself from then on, and again whenever it is lost.
 * Needs the default event loop. @return ESP_OK or what the driver said.
 */
esp_err_t network_start(void);

/** Waits until the board has an address. @return false when it has none after @p timeout_ms. Any task. */
bool network_wait_up(uint32_t timeout_ms);
