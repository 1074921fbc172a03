/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * From the image server into the free slot, hashed on the way.
 */
#pragma once

#include "esp_err.h"
#include "esp_partition.h"

#include "trigger.h"

/**
 * Downloads the image that @p trigger names into @p slot and checks its size, its SHA-256 and that it is an image.
 * Does not make it the one to boot. Ends within the provisioned limits (update_ms in all, stall_ms without a byte).
 *
 * @param reason set on an error: `connect`, `no_ca`, `certificate`, `http_status`, `size`, `stalled`, `deadline`,
 * `truncated`, `slot`, `memory`, `flash`, `sha256`, `image`
 * @return ESP_OK, or the error that the reason stands for. One task at a time.
 */
esp_err_t download_image(const trigger_t *trigger, const esp_partition_t *slot, const char **reason);
