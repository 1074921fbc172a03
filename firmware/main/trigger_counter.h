/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What keeps a trigger from being obeyed twice.
 */
#pragma once

#include <stdint.h>

#include "esp_err.h"

/** The counter of the last accepted trigger, 0 when there was none. @return ESP_OK or what nvs said. */
esp_err_t trigger_counter_load(uint64_t *out);

/** Keeps it; on ESP_OK it is in flash. */
esp_err_t trigger_counter_store(uint64_t counter);
