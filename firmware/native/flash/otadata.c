/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "otadata.h"

#include "digest.h"
#include "flash.h"

esp_err_t otadata_read(uint32_t offset, esp_ota_select_entry_t two[2])
{
    for (int i = 0; i < 2; i++) {
        esp_err_t err = flash_read(offset + (uint32_t)i * FLASH_SECTOR, &two[i], sizeof two[i]);
        if (err != ESP_OK) {
            return err;
        }
    }
    return ESP_OK;
}

esp_err_t otadata_write(uint32_t offset, int index, const esp_ota_select_entry_t *entry)
{
    uint32_t addr = offset + (uint32_t)index * FLASH_SECTOR;
    esp_err_t err = flash_erase(addr, FLASH_SECTOR);

    return err == ESP_OK ? flash_write(addr, entry, sizeof *entry) : err;
}

uint32_t otadata_crc(const esp_ota_select_entry_t *entry)
{
    return crc32_le(UINT32_MAX, &entry->ota_seq, sizeof entry->ota_seq);
}

bool otadata_invalid(const esp_ota_select_entry_t *entry)
{
    return entry->ota_seq == UINT32_MAX || entry->ota_state == ESP_OTA_IMG_INVALID ||
           entry->ota_state == ESP_OTA_IMG_ABORTED;
}

bool otadata_valid(const esp_ota_select_entry_t *entry)
{
    return !otadata_invalid(entry) && entry->crc == otadata_crc(entry);
}

int otadata_select(const esp_ota_select_entry_t two[2], const bool valid[2], bool larger)
{
    if (valid[0] && valid[1]) {
        bool first = larger ? two[0].ota_seq >= two[1].ota_seq : two[0].ota_seq <= two[1].ota_seq;
        return first ? 0 : 1;
    }
    return valid[0] ? 0 : valid[1] ? 1 : -1;
}

int otadata_active(const esp_ota_select_entry_t two[2])
{
    const bool valid[2] = {otadata_valid(&two[0]), otadata_valid(&two[1])};

    return otadata_select(two, valid, true);
}
