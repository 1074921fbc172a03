/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The one way to the flash: three calls, and two implementations of them.
 *
 *   flash_file.c  in the supervisor: the flash file itself; every erase and write is counted there and can
 *                 be cut, whole or torn
 *   flash_link.c  in the program: reads from the mapped file, asks the supervisor to erase and write
 *
 * The formats (partition table, otadata, app image, nvs) stand on these calls and so serve both sides.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "esp_err.h"

#define FLASH_SECTOR 4096u

/** Size of the flash in bytes. */
size_t flash_size(void);

/** Reads @p len bytes at @p addr. @return ESP_ERR_INVALID_SIZE beyond the end. */
esp_err_t flash_read(uint32_t addr, void *dst, size_t len);

/** Clears bits, as NOR flash does: what is there becomes old & new. Any length and alignment. */
esp_err_t flash_write(uint32_t addr, const void *src, size_t len);

/** Sets whole sectors to 0xFF. @return ESP_ERR_INVALID_ARG when not sector-aligned. */
esp_err_t flash_erase(uint32_t addr, size_t len);
