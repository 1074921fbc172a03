/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "partition_table.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "digest.h"
#include "flash.h"

static const char TAG[] = "flash_parts";

static void say(flash_log_fn log, void *ctx, const char *text)
{
    if (log) {
        log(ctx, 'E', TAG, text);
    }
}

static bool is_end(const esp_partition_info_t *e)
{
    return e->magic == 0xFFFF && e->type == 0xFF && e->subtype == 0xFF;
}

esp_err_t partition_table_read(esp_partition_info_t *entries, int *count, flash_log_fn log, void *log_ctx)
{
    char text[128];
    bool md5_seen = false;

    *count = 0;
    esp_err_t err = flash_read(ESP_PARTITION_TABLE_OFFSET, entries, ESP_PARTITION_TABLE_MAX_LEN);
    if (err != ESP_OK) {
        return err;
    }
    for (size_t i = 0; i < ESP_PARTITION_TABLE_MAX_ENTRIES; i++) {
        const esp_partition_info_t *e = &entries[i];

        if (e->magic == ESP_PARTITION_MAGIC) {
            uint64_t end = (uint64_t)e->pos.offset + e->pos.size;
            if (end > flash_size()) {
                snprintf(text, sizeof text,
                         "partition %zu invalid - offset 0x%" PRIx32 " size 0x%" PRIx32
                         " exceeds flash chip size 0x%zx",
                         i, e->pos.offset, e->pos.size, flash_size());
                say(log, log_ctx, text);
                return ESP_ERR_INVALID_SIZE;
            }
            if (!md5_seen) { /* what follows the checksum is covered by nothing */
                *count = (int)i + 1;
            }
        } else if (e->magic == ESP_PARTITION_MAGIC_MD5) {
            uint8_t digest[16];

            if (md5_seen) {
                say(log, log_ctx, "Only one MD5 checksum is allowed");
                return ESP_ERR_INVALID_STATE;
            }
            md5_of(entries, i * sizeof *entries, digest);
            if (memcmp((const uint8_t *)e + ESP_PARTITION_MD5_OFFSET, digest, sizeof digest) != 0) {
                say(log, log_ctx, "Incorrect MD5 checksum");
                return ESP_ERR_INVALID_STATE;
            }
            md5_seen = true;
        } else if (i > 0 && is_end(e)) {
            return ESP_OK;
        } else {
            snprintf(text, sizeof text, "partition %zu invalid magic number 0x%x", i, e->magic);
            say(log, log_ctx, text);
            return ESP_ERR_INVALID_STATE;
        }
    }
    say(log, log_ctx, "partition table has no terminating entry, not valid");
    return ESP_ERR_INVALID_STATE;
}
