/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The partition table at 0x8000: read and verified, entry by entry and as a whole (MD5).
 */
#pragma once

#include "esp_flash_partitions.h"
#include "flash_log.h"

/**
 * @param[out] entries room for ESP_PARTITION_TABLE_MAX_ENTRIES
 * @param log          gets what is wrong with the table; may be NULL
 * @return ESP_ERR_INVALID_STATE (no table, bad magic, bad MD5) or ESP_ERR_INVALID_SIZE (a partition beyond the flash)
 */
esp_err_t partition_table_read(esp_partition_info_t *entries, int *count, flash_log_fn log, void *log_ctx);
