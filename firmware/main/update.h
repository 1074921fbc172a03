/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The update: from an accepted trigger to the restart into the new image, or back to serving when it fails.
 */
#pragma once

#include <stddef.h>

#include "esp_err.h"

/** Makes what triggers are handed over with. Once, before any can arrive. @return ESP_OK; ESP_ERR_NO_MEM. */
esp_err_t update_init(void);

/**
 * A message on the trigger topic: it is checked and, when accepted, handed to update_run(). An mqtt_link_trigger_fn.
 */
void update_on_trigger(const char *message, size_t len);

/** Carries out accepted triggers, one at a time, for ever. */
void update_run(void) __attribute__((noreturn));
