/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A partition table with anything in it: the boot loader reads it, and the program finds its partitions in it. The
 * first byte says whether a right MD5 entry ends it.
 */
#include "fuzz.h"

#include "boot_select.h"
#include "digest.h"
#include "esp_flash_partitions.h"
#include "esp_ota_ops.h"
#include "partition_table.h"

#include "flash_port.h"
#include "flash_stand_in.h"

void esp_partition_unload_all(void);

static void put_table(const uint8_t *data, size_t size, bool with_md5)
{
    uint8_t *table = fuzz_flash + ESP_PARTITION_TABLE_OFFSET;
    size_t entries = size / sizeof(esp_partition_info_t);

    memset(table, 0xFF, ESP_PARTITION_TABLE_MAX_LEN);
    memcpy(table, data, size < ESP_PARTITION_TABLE_MAX_LEN ? size : ESP_PARTITION_TABLE_MAX_LEN);
    if (with_md5 && entries < ESP_PARTITION_TABLE_MAX_ENTRIES - 1) {
        uint8_t *entry = table + entries * sizeof(esp_partition_info_t);
        memset(entry, 0xFF, sizeof(esp_partition_info_t));
        entry[0] = ESP_PARTITION_MAGIC_MD5 & 0xFF;
        entry[1] = ESP_PARTITION_MAGIC_MD5 >> 8;
        md5_of(table, entries * sizeof(esp_partition_info_t), entry + ESP_PARTITION_MD5_OFFSET);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static esp_partition_info_t entries[ESP_PARTITION_TABLE_MAX_ENTRIES];
    static struct boot_choice choice;
    uint8_t bytes[64];
    int count;

    if (size == 0) {
        return 0;
    }
    fuzz_flash_reset();
    fuzz_flash_put_image(FUZZ_OTA_0);
    fuzz_flash_put_image(FUZZ_OTA_1);
    put_table(data + 1, size - 1, data[0] & 1);
    const bool good = partition_table_read(entries, &count, flash_port_log, NULL) == ESP_OK;
    HOLDS(count >= 0 && count <= (int)ESP_PARTITION_TABLE_MAX_ENTRIES);
    const bool boots = boot_select(&choice) == ESP_OK;
    HOLDS(!boots || good);
    HOLDS(!boots || (choice.offset <= sizeof fuzz_flash && choice.size <= sizeof fuzz_flash - choice.offset));
    esp_partition_unload_all();
    esp_partition_iterator_t it = esp_partition_find(ESP_PARTITION_TYPE_ANY, ESP_PARTITION_SUBTYPE_ANY, NULL);
    HOLDS(good || it == NULL || count == 0);
    while (it != NULL) {
        const esp_partition_t *p = esp_partition_get(it);
        HOLDS(strlen(p->label) <= 16);
        esp_partition_read(p, 0, bytes, sizeof bytes);
        it = esp_partition_next(it);
    }
    return 0;
}
