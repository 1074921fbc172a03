/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Between the three files of the store: nvs_pages.c (which page comes next), nvs_items.c (values), nvs_repair.c (after
 * a power cut).
 */
#pragma once

#include "nvs_store.h"

struct nvs_store {
    unsigned page_count;
    unsigned live_count, spare_count;
    unsigned short *live;  /* pages in use, oldest first */
    unsigned short *spare; /* pages that can be begun, next one first */
    uint32_t next_seq;
    struct nvs_page pages[];
};

/** Where an item lies. */
struct nvs_place {
    struct nvs_page *page;
    unsigned index;
    struct nvs_item item;
};

/** The page that is written to. */
struct nvs_page *nvs_current_page(struct nvs_store *store);

/** Begins the next spare page. */
esp_err_t nvs_activate_page(struct nvs_store *store);

/** The current page is full: begins another, and frees the one with the fewest items if no spare one would be left. */
esp_err_t nvs_next_page(struct nvs_store *store);

/** Copies the items of the live page number @p n to a new page and makes it a spare one. */
esp_err_t nvs_free_page(struct nvs_store *store, unsigned n);

/** Sorts a loaded page in among the live ones. */
void nvs_add_live(struct nvs_store *store, unsigned page);
void nvs_drop_live(struct nvs_store *store, unsigned n);

/**
 * Walks over all items, oldest page first. Start with page number and index 0, go on with index += item.span.
 */
bool nvs_next_item(struct nvs_store *store, unsigned *n, struct nvs_place *place);

/** The oldest item that matches. Type NVS_ITEM_ANY: any but a piece of a blob. */
bool nvs_find_item(struct nvs_store *store, uint8_t ns, uint8_t type, const char *key, uint8_t chunk,
                   struct nvs_place *place);

esp_err_t nvs_erase_place(struct nvs_place *place);

/** Erases @p count pieces of a blob, where they are. */
esp_err_t nvs_erase_chunks(struct nvs_store *store, uint8_t ns, const char *key, uint8_t first, unsigned count);

esp_err_t nvs_repair(struct nvs_store *store);
