/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * One page of nvs: its items found, appended, erased, and put right after a power cut.
 */
#pragma once

#include "esp_err.h"
#include "nvs_format.h"

struct nvs_page {
    uint32_t addr;
    uint32_t state; /* enum nvs_page_state */
    uint32_t seq;   /* order in which the pages were begun */
    uint32_t table[8];
    unsigned next_free; /* entry index; NVS_ENTRIES when there is none */
    unsigned used;      /* entries in state NVS_WRITTEN */
};

/**
 * Reads the page at flash address @p addr, and erases what a power cut left half done.
 *
 * @return ESP_ERR_NVS_NEW_VERSION_FOUND for a format of the future
 */
esp_err_t nvs_page_load(struct nvs_page *page, uint32_t addr);

/** Whether the page takes part in the store; the others are spare. */
bool nvs_page_in_use(const struct nvs_page *page);

/** Finds the next item at or after @p *index. @return false at the page's end */
bool nvs_page_next(const struct nvs_page *page, unsigned *index, struct nvs_item *item);

/** Reads the data of the item at @p index. @return ESP_ERR_NVS_NOT_FOUND when its CRC is wrong */
esp_err_t nvs_page_read_data(const struct nvs_page *page, unsigned index, const struct nvs_item *item, void *data);

/** Appends an item; a blank page gets its header first. @return ESP_ERR_NVS_PAGE_FULL when it does not fit */
esp_err_t nvs_page_append(struct nvs_page *page, struct nvs_item *item, const void *data, size_t size);

/** Erases the item at @p index with its data. */
esp_err_t nvs_page_erase_item(struct nvs_page *page, unsigned index, unsigned span);

/** Copies all items of @p from to the end of @p to. */
esp_err_t nvs_page_copy_items(const struct nvs_page *from, struct nvs_page *to);

esp_err_t nvs_page_set_state(struct nvs_page *page, enum nvs_page_state state);

/** Erases the sector. */
esp_err_t nvs_page_wipe(struct nvs_page *page);

/** Bytes of data that one more item can have. */
size_t nvs_page_room(const struct nvs_page *page);
