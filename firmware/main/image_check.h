/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Whether an image that is whole is also the one that was meant.
 */
#pragma once

#include "esp_partition.h"

#include "trigger.h"

/**
 * Looks at the verified image in @p slot. ESP-IDF has checked that it is whole and made for this chip; not who made it,
 * nor which version it is.
 *
 * @return NULL, or what is wrong with it: `no_digest`, `project`, `version`, `secure_version`, `image` when it has no
 * description at all
 */
const char *image_check(const esp_partition_t *slot, const trigger_t *trigger);
