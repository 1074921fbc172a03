/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The app descriptor: 256 bytes at the start of an image's first segment, and what the running program says of itself.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ESP_APP_DESC_MAGIC_WORD (0xABCD5432)

typedef struct {
    uint32_t magic_word;
    uint32_t secure_version;
    uint32_t reserv1[2];
    char version[32];
    char project_name[32];
    char time[16];
    char date[16];
    char idf_ver[32];
    uint8_t app_elf_sha256[32];
    uint16_t min_efuse_blk_rev_full;
    uint16_t max_efuse_blk_rev_full;
    uint8_t mmu_page_size;
    uint8_t reserv3[3];
    uint32_t reserv2[18];
} esp_app_desc_t;

#ifndef __cplusplus
_Static_assert(sizeof(esp_app_desc_t) == 256, "the app descriptor is 256 bytes");
#endif

const esp_app_desc_t *esp_app_get_description(void);

/**
 * Writes the ELF's SHA-256 as hexadecimal digits, as many as @p size takes, and a terminating 0.
 *
 * @return bytes written, the terminating 0 included
 */
int esp_app_get_elf_sha256(char *dst, size_t size);

#ifdef __cplusplus
}
#endif
