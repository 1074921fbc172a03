/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * That a new image was tried and is gone again: the image that is back tells of it, since one that panics, hangs or
 * reaches no broker cannot do so itself.
 */
#pragma once

#include "esp_err.h"

/** Notes that the image @p version is tried next. Before it is set to boot. @return ESP_OK: it is in flash. */
esp_err_t update_attempt_store(const char *version);

/** The attempt has come to its good end: this image stays. */
void update_attempt_clear(void);

/**
 * Tells, once, that the noted image was rolled back: event and status `rolled_back`. With the broker reached, so that
 * it is heard.
 * @return how that image ended, `aborted` or `invalid`; NULL when there is nothing to tell
 */
const char *update_attempt_report(void);
