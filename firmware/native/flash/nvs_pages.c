/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The pages of a partition: which are in use, which is next, and how one is freed. One page always stays spare, for the
 * items of the page that is freed.
 */
#include <stdlib.h>
#include <string.h>

#include "flash.h"
#include "nvs_store_internal.h"

void nvs_add_live(struct nvs_store *store, unsigned page)
{
    unsigned at = store->live_count++;

    for (; at > 0 && store->pages[store->live[at - 1]].seq > store->pages[page].seq; at--) {
        store->live[at] = store->live[at - 1];
    }
    store->live[at] = (unsigned short)page;
}

void nvs_drop_live(struct nvs_store *store, unsigned n)
{
    store->spare[store->spare_count++] = store->live[n];
    store->live_count--;
    memmove(&store->live[n], &store->live[n + 1], (store->live_count - n) * sizeof store->live[0]);
}

struct nvs_page *nvs_current_page(struct nvs_store *store)
{
    return &store->pages[store->live[store->live_count - 1]];
}

esp_err_t nvs_activate_page(struct nvs_store *store)
{
    if (store->spare_count == 0) {
        return ESP_ERR_NVS_NOT_ENOUGH_SPACE;
    }
    unsigned short number = store->spare[0];
    struct nvs_page *page = &store->pages[number];
    if (page->state != NVS_PAGE_BLANK) {
        esp_err_t err = nvs_page_wipe(page);
        if (err != ESP_OK) {
            return err;
        }
    }
    store->spare_count--;
    memmove(&store->spare[0], &store->spare[1], store->spare_count * sizeof store->spare[0]);
    page->seq = store->next_seq++; /* the header is written with the first item */
    store->live[store->live_count++] = number;
    return ESP_OK;
}

esp_err_t nvs_free_page(struct nvs_store *store, unsigned n)
{
    struct nvs_page *old = &store->pages[store->live[n]];
    esp_err_t err = nvs_activate_page(store);

    if (err == ESP_OK) {
        err = nvs_page_copy_items(old, nvs_current_page(store));
    }
    if (err == ESP_OK) {
        err = nvs_page_wipe(old);
    }
    if (err == ESP_OK) {
        nvs_drop_live(store, n);
    }
    return err;
}

esp_err_t nvs_next_page(struct nvs_store *store)
{
    unsigned least = 0;

    if (store->spare_count >= 2) {
        return nvs_activate_page(store);
    }
    for (unsigned n = 1; n < store->live_count; n++) {
        if (store->pages[store->live[n]].used < store->pages[store->live[least]].used) {
            least = n;
        }
    }
    struct nvs_page *page = &store->pages[store->live[least]];
    if (page->used == NVS_ENTRIES) {
        return ESP_ERR_NVS_NOT_ENOUGH_SPACE;
    }
    esp_err_t err = nvs_page_set_state(page, NVS_PAGE_FREEING);
    return err == ESP_OK ? nvs_free_page(store, least) : err;
}

esp_err_t nvs_store_open(uint32_t addr, uint32_t size, struct nvs_store **out)
{
    unsigned count = size / FLASH_SECTOR;
    size_t lists = 2 * count * sizeof(unsigned short);
    struct nvs_store *store = calloc(1, sizeof *store + count * sizeof store->pages[0] + lists);
    esp_err_t err = ESP_OK;

    if (!store) {
        return ESP_ERR_NO_MEM;
    }
    store->page_count = count;
    store->live = (unsigned short *)&store->pages[count];
    store->spare = store->live + count;
    for (unsigned i = 0; err == ESP_OK && i < count; i++) {
        err = nvs_page_load(&store->pages[i], addr + i * FLASH_SECTOR);
        if (nvs_page_in_use(&store->pages[i])) {
            nvs_add_live(store, i);
        } else {
            store->spare[store->spare_count++] = (unsigned short)i;
        }
    }
    if (err == ESP_OK) {
        err = nvs_repair(store);
    }
    if (err != ESP_OK) {
        free(store);
        return err;
    }
    *out = store;
    return ESP_OK;
}

void nvs_store_close(struct nvs_store *store)
{
    free(store);
}

void nvs_store_stats(struct nvs_store *store, nvs_stats_t *stats)
{
    size_t used = 0;

    for (unsigned n = 0; n < store->live_count; n++) {
        used += store->pages[store->live[n]].used;
    }
    *stats = (nvs_stats_t){.used_entries = used, .total_entries = store->page_count * NVS_ENTRIES};
    stats->free_entries = stats->total_entries - used;
    stats->available_entries = stats->free_entries >= NVS_ENTRIES ? stats->free_entries - NVS_ENTRIES : 0;
    stats->namespace_count = nvs_store_used(store, NVS_NAMESPACES);
}
