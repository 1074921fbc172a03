/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a power cut leaves behind, ended at the next start: a page that was being freed, a new value whose old one was
 * not yet erased, pieces of a blob without their index.
 */
#include <string.h>

#include "nvs_store_internal.h"

/* The items of a page being freed went to the newest page, all or some: that one is begun anew. */
static esp_err_t end_freeing(struct nvs_store *store)
{
    for (unsigned n = 0; n < store->live_count; n++) {
        if (store->pages[store->live[n]].state != NVS_PAGE_FREEING) {
            continue;
        }
        struct nvs_page *newest = nvs_current_page(store);
        if (newest->state == NVS_PAGE_ACTIVE) {
            esp_err_t err = nvs_page_wipe(newest);
            if (err != ESP_OK) {
                return err;
            }
            nvs_drop_live(store, store->live_count - 1);
        }
        return nvs_free_page(store, n);
    }
    return ESP_OK;
}

/* Only one write can have been under way, and the item it wrote is the last one. */
static esp_err_t erase_superseded(struct nvs_store *store)
{
    struct nvs_page *page = nvs_current_page(store);
    struct nvs_place last = {0}, old;
    struct nvs_item item;

    for (unsigned i = 0; nvs_page_next(page, &i, &item); i += item.span) {
        last = (struct nvs_place){page, i, item};
    }
    if (!last.page || last.item.type == NVS_ITEM_BLOB_DATA) {
        return ESP_OK;
    }
    if (nvs_find_item(store, last.item.ns, NVS_ITEM_ANY, last.item.key, NVS_CHUNK_NONE, &old) &&
        (old.page != last.page || old.index != last.index)) {
        return nvs_erase_place(&old); /* the pieces of a blob are found by erase_orphans() */
    }
    return ESP_OK;
}

static bool same_version(uint8_t chunk, uint8_t first)
{
    return ((chunk ^ first) & NVS_BLOB_VERSION1) == 0;
}

/* An index whose pieces are not all there is worth nothing. */
static esp_err_t erase_broken_indexes(struct nvs_store *store)
{
    struct nvs_place index = {0};

    for (unsigned n = 0; nvs_next_item(store, &n, &index); index.index += index.item.span) {
        struct nvs_place piece = {0};
        uint32_t size = 0;
        unsigned pieces = 0;

        if (index.item.type != NVS_ITEM_BLOB_INDEX) {
            continue;
        }
        for (unsigned m = 0; nvs_next_item(store, &m, &piece); piece.index += piece.item.span) {
            if (piece.item.type == NVS_ITEM_BLOB_DATA && piece.item.ns == index.item.ns &&
                strncmp(piece.item.key, index.item.key, NVS_KEY_MAX) == 0 &&
                same_version(piece.item.chunk, index.item.blob.first)) {
                size += piece.item.var.size;
                pieces++;
            }
        }
        if (size != index.item.blob.size || pieces != index.item.blob.chunks) {
            esp_err_t err = nvs_erase_place(&index);
            if (err != ESP_OK) {
                return err;
            }
        }
    }
    return ESP_OK;
}

static esp_err_t erase_orphans(struct nvs_store *store)
{
    struct nvs_place piece = {0};

    for (unsigned n = 0; nvs_next_item(store, &n, &piece); piece.index += piece.item.span) {
        struct nvs_place index;

        if (piece.item.type != NVS_ITEM_BLOB_DATA) {
            continue;
        }
        if (!nvs_find_item(store, piece.item.ns, NVS_ITEM_BLOB_INDEX, piece.item.key, NVS_CHUNK_NONE, &index) ||
            !same_version(piece.item.chunk, index.item.blob.first) ||
            piece.item.chunk - index.item.blob.first >= index.item.blob.chunks) {
            esp_err_t err = nvs_erase_place(&piece);
            if (err != ESP_OK) {
                return err;
            }
        }
    }
    return ESP_OK;
}

esp_err_t nvs_repair(struct nvs_store *store)
{
    esp_err_t err = ESP_OK;

    if (store->live_count == 0) {
        return nvs_activate_page(store);
    }
    store->next_seq = nvs_current_page(store)->seq + 1;
    err = end_freeing(store);
    if (err == ESP_OK && store->spare_count == 0) {
        return ESP_ERR_NVS_NO_FREE_PAGES;
    }
    if (err == ESP_OK) {
        err = erase_superseded(store);
    }
    if (err == ESP_OK) {
        err = erase_broken_indexes(store);
    }
    return err == ESP_OK ? erase_orphans(store) : err;
}
