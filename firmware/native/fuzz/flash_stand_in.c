/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flash_stand_in.h"

#include <stdio.h>
#include <string.h>

#include "digest.h"
#include "esp_app_desc.h"
#include "esp_flash_partitions.h"
#include "esp_image_check.h"
#include "esp_partition.h"
#include "flash_port.h"

uint8_t fuzz_flash[FUZZ_FLASH_BYTES];
uint32_t fuzz_running_offset;
unsigned fuzz_restarts;

/* One of the port's own; not declared for programs, since no chip has it. */
void esp_partition_unload_all(void);

size_t flash_size(void)
{
    return sizeof fuzz_flash;
}

static bool in_range(uint32_t addr, size_t len)
{
    return addr <= sizeof fuzz_flash && len <= sizeof fuzz_flash - addr;
}

esp_err_t flash_read(uint32_t addr, void *dst, size_t len)
{
    if (!in_range(addr, len)) {
        return ESP_ERR_INVALID_SIZE;
    }
    memcpy(dst, fuzz_flash + addr, len);
    return ESP_OK;
}

esp_err_t flash_write(uint32_t addr, const void *src, size_t len)
{
    const uint8_t *from = src;

    if (!in_range(addr, len)) {
        return ESP_ERR_INVALID_SIZE;
    }
    for (size_t i = 0; i < len; i++) {
        fuzz_flash[addr + i] &= from[i];
    }
    return ESP_OK;
}

esp_err_t flash_erase(uint32_t addr, size_t len)
{
    if (addr % FLASH_SECTOR != 0 || len % FLASH_SECTOR != 0 || !in_range(addr, len)) {
        return ESP_ERR_INVALID_ARG;
    }
    memset(fuzz_flash + addr, 0xFF, len);
    return ESP_OK;
}

void flash_port_lock(enum flash_lock lock)
{
    (void)lock;
}

void flash_port_unlock(enum flash_lock lock)
{
    (void)lock;
}

void flash_port_log(void *ctx, char level, const char *tag, const char *text)
{
    (void)ctx;
    (void)level;
    (void)tag;
    (void)strlen(text);
}

uint32_t flash_port_running_offset(void)
{
    return fuzz_running_offset;
}

void flash_port_restart(void)
{
    fuzz_restarts++;
}

void fuzz_flash_reset(void)
{
    static const struct {
        const char *label;
        uint8_t type, subtype;
        uint32_t offset, size;
    } ROWS[] = {
        {"nvs", 1, 2, FUZZ_NVS, FUZZ_NVS_BYTES},
        {"otadata", 1, 0, FUZZ_OTADATA, 2 * FLASH_SECTOR},
        {"provisioning", 1, 2, FUZZ_PROVISIONING, FUZZ_NVS_BYTES},
        {"ota_0", 0, 0x10, FUZZ_OTA_0, FUZZ_OTA_BYTES},
        {"ota_1", 0, 0x11, FUZZ_OTA_1, FUZZ_OTA_BYTES},
    };
    memset(fuzz_flash, 0xFF, sizeof fuzz_flash);
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        esp_partition_info_t entry = {.magic = ESP_PARTITION_MAGIC,
                                      .type = ROWS[i].type,
                                      .subtype = ROWS[i].subtype,
                                      .pos = {ROWS[i].offset, ROWS[i].size}};
        snprintf((char *)entry.label, sizeof entry.label, "%s", ROWS[i].label);
        memcpy(fuzz_flash + ESP_PARTITION_TABLE_OFFSET + i * sizeof entry, &entry, sizeof entry);
    }
    esp_partition_unload_all();
    fuzz_running_offset = FUZZ_OTA_0;
    fuzz_restarts = 0;
}

static size_t put(uint8_t *to, size_t at, const void *data, size_t len)
{
    memcpy(to + at, data, len);
    return at + len;
}

void fuzz_flash_put_image(uint32_t slot)
{
    const esp_image_header_t header = {
        .magic = ESP_IMAGE_HEADER_MAGIC, .segment_count = 1, .chip_id = IMAGE_CHIP_ID, .hash_appended = 1};
    const esp_app_desc_t desc = {.magic_word = ESP_APP_DESC_MAGIC_WORD, .project_name = "fuzz", .version = "1.0.0"};
    const esp_image_segment_header_t segment = {IMAGE_ELF_VADDR, sizeof desc};
    uint8_t *to = fuzz_flash + slot, checksum = 0xEF;
    struct sha256 sha;

    size_t at = put(to, 0, &header, sizeof header);
    at = put(to, at, &segment, sizeof segment);
    at = put(to, at, &desc, sizeof desc);
    for (size_t i = 0; i < sizeof desc; i++) {
        checksum ^= ((const uint8_t *)&desc)[i];
    }
    while (at % 16 != 15) {
        to[at++] = 0;
    }
    to[at++] = checksum;
    sha256_start(&sha);
    sha256_add(&sha, to, at);
    sha256_end(&sha, to + at);
}
