/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Partitions by type and label. The table is read once, at the first search, and its entries then stay where they are:
 * callers compare pointers.
 */
#include "esp_partition.h"

#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "esp_image_check.h"
#include "esp_image_format.h"
#include "flash.h"
#include "flash_port.h"
#include "partition_table.h"

static esp_partition_t partitions[ESP_PARTITION_TABLE_MAX_ENTRIES];
static int partition_count = -1; /* not read yet */

struct esp_partition_iterator_opaque_ {
    esp_partition_type_t type;
    esp_partition_subtype_t subtype;
    char label[17];
    bool any_label;
    int at;
};

static void read_table(void)
{
    static esp_partition_info_t entries[ESP_PARTITION_TABLE_MAX_ENTRIES]; /* too large for a task's stack */
    int count;

    if (partition_table_read(entries, &count, flash_port_log, NULL) != ESP_OK) {
        flash_port_log(NULL, 'E', "partition", "load_partitions returned an error");
        return;
    }
    for (int i = 0; i < count; i++) {
        esp_partition_t *p = &partitions[i];
        *p = (esp_partition_t){.type = (esp_partition_type_t)entries[i].type,
                               .subtype = (esp_partition_subtype_t)entries[i].subtype,
                               .address = entries[i].pos.offset,
                               .size = entries[i].pos.size,
                               .erase_size = FLASH_SECTOR,
                               .encrypted = entries[i].flags & PART_FLAG_ENCRYPTED,
                               .readonly = entries[i].flags & PART_FLAG_READONLY};
        memcpy(p->label, entries[i].label, sizeof entries[i].label);
    }
    partition_count = count;
}

static int table(void)
{
    flash_port_lock(FLASH_LOCK_PARTITIONS);
    if (partition_count < 0) {
        read_table();
    }
    int count = partition_count;
    flash_port_unlock(FLASH_LOCK_PARTITIONS);
    return count;
}

void esp_partition_unload_all(void)
{
    flash_port_lock(FLASH_LOCK_PARTITIONS);
    partition_count = -1;
    flash_port_unlock(FLASH_LOCK_PARTITIONS);
}

static bool matches(const struct esp_partition_iterator_opaque_ *it, const esp_partition_t *p)
{
    return (it->type == ESP_PARTITION_TYPE_ANY || it->type == p->type) &&
           (it->subtype == ESP_PARTITION_SUBTYPE_ANY || it->subtype == p->subtype) &&
           (it->any_label || strcmp(it->label, p->label) == 0);
}

/* Moves to the next match after it->at. */
static bool advance(struct esp_partition_iterator_opaque_ *it)
{
    int count = table();

    while (++it->at < count) {
        if (matches(it, &partitions[it->at])) {
            return true;
        }
    }
    return false;
}

static bool start(struct esp_partition_iterator_opaque_ *it, esp_partition_type_t type, esp_partition_subtype_t subtype,
                  const char *label)
{
    *it = (struct esp_partition_iterator_opaque_){type, subtype, "", label == NULL, -1};
    if (label) {
        if (strlen(label) >= sizeof it->label) {
            return false;
        }
        strcpy(it->label, label);
    }
    if (type == ESP_PARTITION_TYPE_ANY && subtype != ESP_PARTITION_SUBTYPE_ANY) {
        return false; /* a subtype means nothing without its type */
    }
    return advance(it);
}

esp_partition_iterator_t esp_partition_find(esp_partition_type_t type, esp_partition_subtype_t subtype,
                                            const char *label)
{
    struct esp_partition_iterator_opaque_ found;

    if (!start(&found, type, subtype, label)) {
        return NULL;
    }
    esp_partition_iterator_t it = malloc(sizeof *it);
    if (it) {
        *it = found;
    }
    return it;
}

const esp_partition_t *esp_partition_find_first(esp_partition_type_t type, esp_partition_subtype_t subtype,
                                                const char *label)
{
    struct esp_partition_iterator_opaque_ found;

    return start(&found, type, subtype, label) ? &partitions[found.at] : NULL;
}

const esp_partition_t *esp_partition_get(esp_partition_iterator_t iterator)
{
    return &partitions[iterator->at];
}

esp_partition_iterator_t esp_partition_next(esp_partition_iterator_t iterator)
{
    if (advance(iterator)) {
        return iterator;
    }
    esp_partition_iterator_release(iterator);
    return NULL;
}

void esp_partition_iterator_release(esp_partition_iterator_t iterator)
{
    free(iterator);
}

const esp_partition_t *esp_partition_verify(const esp_partition_t *partition)
{
    int count = table();

    for (int i = 0; partition && i < count; i++) {
        const esp_partition_t *p = &partitions[i];
        if (p->type == partition->type && p->subtype == partition->subtype && p->address == partition->address &&
            p->size == partition->size && strcmp(p->label, partition->label) == 0) {
            return p;
        }
    }
    return NULL;
}

static esp_err_t check_range(const esp_partition_t *partition, size_t offset, size_t size)
{
    if (!partition) {
        return ESP_ERR_INVALID_ARG;
    }
    if (offset > partition->size) {
        return ESP_ERR_INVALID_ARG;
    }
    return size > partition->size - offset ? ESP_ERR_INVALID_SIZE : ESP_OK;
}

esp_err_t esp_partition_read(const esp_partition_t *partition, size_t src_offset, void *dst, size_t size)
{
    esp_err_t err = check_range(partition, src_offset, size);

    return err == ESP_OK ? flash_read(partition->address + (uint32_t)src_offset, dst, size) : err;
}

esp_err_t esp_partition_write(const esp_partition_t *partition, size_t dst_offset, const void *src, size_t size)
{
    if (partition && partition->readonly) {
        return ESP_ERR_NOT_ALLOWED;
    }
    esp_err_t err = check_range(partition, dst_offset, size);
    return err == ESP_OK ? flash_write(partition->address + (uint32_t)dst_offset, src, size) : err;
}

esp_err_t esp_partition_read_raw(const esp_partition_t *partition, size_t src_offset, void *dst, size_t size)
{
    return esp_partition_read(partition, src_offset, dst, size);
}

esp_err_t esp_partition_write_raw(const esp_partition_t *partition, size_t dst_offset, const void *src, size_t size)
{
    return esp_partition_write(partition, dst_offset, src, size);
}

esp_err_t esp_partition_erase_range(const esp_partition_t *partition, size_t offset, size_t size)
{
    if (partition && partition->readonly) {
        return ESP_ERR_NOT_ALLOWED;
    }
    esp_err_t err = check_range(partition, offset, size);
    if (err == ESP_OK && size % FLASH_SECTOR != 0) {
        return ESP_ERR_INVALID_SIZE;
    }
    if (err == ESP_OK && offset % FLASH_SECTOR != 0) {
        return ESP_ERR_INVALID_ARG;
    }
    return err == ESP_OK ? flash_erase(partition->address + (uint32_t)offset, size) : err;
}

uint32_t esp_partition_get_main_flash_sector_size(void)
{
    return FLASH_SECTOR;
}

static esp_err_t sha256_of(uint32_t addr, uint32_t size, uint8_t digest[32])
{
    uint8_t part[1024];
    struct sha256 sha;
    esp_err_t err = ESP_OK;

    sha256_start(&sha);
    for (uint32_t at = 0; err == ESP_OK && at < size; at += sizeof part) {
        uint32_t n = size - at < sizeof part ? size - at : (uint32_t)sizeof part;
        err = flash_read(addr + at, part, n);
        sha256_add(&sha, part, n);
    }
    sha256_end(&sha, digest);
    return err;
}

esp_err_t esp_partition_get_sha256(const esp_partition_t *partition, uint8_t *sha_256)
{
    if (!partition || !sha_256 || partition->size == 0) {
        return ESP_ERR_INVALID_ARG;
    }
    uint32_t size = partition->size;
    if (partition->type == ESP_PARTITION_TYPE_APP) {
        struct image_info image;
        if (esp_image_check(partition->address, partition->size, NULL, NULL, &image) != ESP_OK) {
            return ESP_ERR_IMAGE_INVALID;
        }
        if (image.has_digest) {
            memcpy(sha_256, image.digest, sizeof image.digest);
            return ESP_OK;
        }
        size = image.length;
    }
    return sha256_of(partition->address, size, sha_256);
}

bool esp_partition_check_identity(const esp_partition_t *partition_1, const esp_partition_t *partition_2)
{
    uint8_t sha_1[32], sha_2[32];

    return esp_partition_get_sha256(partition_1, sha_1) == ESP_OK &&
           esp_partition_get_sha256(partition_2, sha_2) == ESP_OK && memcmp(sha_1, sha_2, sizeof sha_1) == 0;
}
