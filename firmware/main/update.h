/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The update: from an accepted trigger to the restart into the new image, or back to serving when it fails.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "esp_err.h"

typedef struct {
    unsigned accepted;
    unsigned refused;
} update_counts_t;

/** Makes what triggers are handed over with. Once, before any can arrive. @return ESP_OK; ESP_ERR_NO_MEM. */
esp_err_t update_init(void);

/**
 * A message on the trigger topic: it is checked and, when accepted, handed to update_run(). An mqtt_link_trigger_fn.
 */
void update_on_trigger(const char *message, size_t len);

/**
 * Update-only mode: true when an update was noted before the restart; the note is cleared by this call. Once, early at
 * boot: before anything that, if it failed, would fail at every boot.
 */
bool update_only_is_noted(void);

/**
 * Makes the noted update, with no server running. Comes back only when it failed: the board then starts as ever. In the
 * main task, the network being up.
 */
void update_only_run(void);

/** Triggers since boot. Any task. */
void update_counts(update_counts_t *out);

/** True from the acceptance of a trigger until its update has failed. Any task. */
bool update_is_busy(void);

/**
 * Why the last update since boot failed, or how the image ended that was rolled back at this boot; NULL when there was
 * none. Any task.
 */
const char *update_last_failure(void);

/** Carries out accepted triggers, one at a time, for ever. */
void update_run(void) __attribute__((noreturn));
