/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * An update that is to be made after a restart, before anything else: for a board whose servers cannot be stopped.
 */
#pragma once

#include <stdbool.h>

#include "esp_err.h"

#include "trigger.h"

/** Keeps @p trigger for the next boot of the image of version @p running_version. @return ESP_OK: it is in flash. */
esp_err_t update_note_store(const trigger_t *trigger, const char *running_version);

/**
 * Takes the note: reads it and clears it, in this order, so that an attempt that ends in a panic or a power cut is not
 * made again at every boot.
 *
 * @return true with *out when there was one for this version, and it is out of the flash
 */
bool update_note_take(const char *running_version, trigger_t *out);
