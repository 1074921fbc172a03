/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The check of an app image in flash: header, segments, checksum, SHA-256, with the texts ESP-IDF logs. Used by the
 * boot loader (supervisor) and by esp_ota_* (program).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "esp_app_format.h"
#include "esp_err.h"
#include "flash_log.h"

#define IMAGE_CHIP_ID   0x7FFF      /* the native board; no chip has it, so no chip takes its images, nor it theirs */
#define IMAGE_ELF_VADDR 0x454C4600u /* load address of the segment that holds the program's ELF: "ELF" as a number */

struct image_info {
    uint32_t length; /* bytes, appended digest included */
    bool has_digest;
    uint8_t digest[32];          /* SHA-256 as appended; over all bytes before it */
    uint32_t elf_addr, elf_size; /* flash address and bytes of the ELF segment; 0 when there is none */
};

/**
 * Verifies the image at flash address @p offset, which must end before @p offset + @p max_size.
 *
 * @param log  gets ESP-IDF's lines; NULL for a silent check
 * @param info may be NULL
 * @return ESP_ERR_IMAGE_INVALID, or ESP_FAIL for an image of another chip
 */
esp_err_t esp_image_check(uint32_t offset, uint32_t max_size, flash_log_fn log, void *log_ctx, struct image_info *info);

/**
 * Finds the program's ELF in the image at @p offset. Checks the headers only: verify the image first.
 *
 * @return ESP_ERR_NOT_FOUND when the image holds no ELF segment
 */
esp_err_t esp_image_elf(uint32_t offset, uint32_t *elf_addr, uint32_t *elf_len);
