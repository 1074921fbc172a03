/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "nvs_format.h"

#include <string.h>

#include "digest.h"

#define CRC_START 0xFFFFFFFFu

uint32_t nvs_header_crc(const struct nvs_page_header *header)
{
    size_t from = offsetof(struct nvs_page_header, seq);

    return crc32_le(CRC_START, (const uint8_t *)header + from, offsetof(struct nvs_page_header, crc) - from);
}

uint32_t nvs_item_crc(const struct nvs_item *item)
{
    uint32_t crc = crc32_le(CRC_START, item, offsetof(struct nvs_item, crc));

    return crc32_le(crc, item->key, sizeof *item - offsetof(struct nvs_item, key));
}

unsigned nvs_item_number_size(uint8_t type)
{
    unsigned size = type & 0x0f;

    return (type & 0xe0) == 0 && (size == 1 || size == 2 || size == 4 || size == 8) ? size : 0;
}

bool nvs_item_has_data(uint8_t type)
{
    return type == NVS_ITEM_STR || type == NVS_ITEM_BLOB_V1 || type == NVS_ITEM_BLOB_DATA;
}

bool nvs_item_sound(const struct nvs_item *item, unsigned index)
{
    if (item->crc != nvs_item_crc(item) || item->span == 0 || index + item->span > NVS_ENTRIES) {
        return false;
    }
    if (nvs_item_has_data(item->type)) {
        return item->span == 1 + (item->var.size + NVS_ENTRY - 1) / NVS_ENTRY;
    }
    if (item->type == NVS_ITEM_BLOB_INDEX) {
        return item->span == 1 && item->chunk == NVS_CHUNK_NONE &&
               (item->blob.first == 0 || item->blob.first == NVS_BLOB_VERSION1) &&
               item->blob.chunks < NVS_BLOB_VERSION1;
    }
    return item->span == 1 && nvs_item_number_size(item->type) > 0;
}

struct nvs_item nvs_item_head(uint8_t ns, uint8_t type, const char *key, uint8_t chunk)
{
    struct nvs_item item = {.ns = ns, .type = type, .span = 1, .chunk = chunk};

    strncpy(item.key, key, NVS_KEY_MAX); /* the bytes after the name are 0 */
    memset(item.data, 0xFF, sizeof item.data);
    return item;
}
