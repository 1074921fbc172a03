/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Values: found, read, written, erased. A new value is written whole before the old one is erased.
 */
#include <string.h>

#include "flash.h"
#include "nvs_store_internal.h"

bool nvs_next_item(struct nvs_store *store, unsigned *n, struct nvs_place *place)
{
    for (; *n < store->live_count; ++*n, place->index = 0) {
        place->page = &store->pages[store->live[*n]];
        if (nvs_page_next(place->page, &place->index, &place->item)) {
            return true;
        }
    }
    return false;
}

bool nvs_find_item(struct nvs_store *store, uint8_t ns, uint8_t type, const char *key, uint8_t chunk,
                   struct nvs_place *place)
{
    place->index = 0;
    for (unsigned n = 0; nvs_next_item(store, &n, place); place->index += place->item.span) {
        const struct nvs_item *item = &place->item;
        bool type_fits = type == NVS_ITEM_ANY ? item->type != NVS_ITEM_BLOB_DATA : item->type == type;
        if (item->ns == ns && type_fits && strncmp(item->key, key, NVS_KEY_MAX) == 0 &&
            (type != NVS_ITEM_BLOB_DATA || item->chunk == chunk) && nvs_item_sound(item, place->index)) {
            return true;
        }
    }
    return false;
}

esp_err_t nvs_erase_place(struct nvs_place *place)
{
    return nvs_page_erase_item(place->page, place->index, place->item.span);
}

esp_err_t nvs_erase_chunks(struct nvs_store *store, uint8_t ns, const char *key, uint8_t first, unsigned count)
{
    esp_err_t err = ESP_OK;

    for (unsigned i = 0; err == ESP_OK && i < count; i++) {
        struct nvs_place piece;
        if (nvs_find_item(store, ns, NVS_ITEM_BLOB_DATA, key, (uint8_t)(first + i), &piece)) {
            err = nvs_erase_place(&piece);
        }
    }
    return err;
}

static esp_err_t erase_value(struct nvs_store *store, struct nvs_place *place)
{
    struct nvs_item item = place->item;
    esp_err_t err = nvs_erase_place(place);

    if (err == ESP_OK && item.type == NVS_ITEM_BLOB_INDEX) {
        err = nvs_erase_chunks(store, item.ns, item.key, item.blob.first, item.blob.chunks);
    }
    return err;
}

/* Compares in small pieces: the value of a blob may be larger than what the heap still has. */
static bool data_equals(const struct nvs_place *place, const uint8_t *data)
{
    uint8_t part[NVS_ENTRY];
    uint32_t addr = place->page->addr + NVS_ENTRY_OFFSET + (place->index + 1) * NVS_ENTRY;

    for (size_t at = 0; at < place->item.var.size; at += sizeof part) {
        size_t left = place->item.var.size - at;
        size_t n = left < sizeof part ? left : sizeof part;
        if (flash_read(addr + (uint32_t)at, part, n) != ESP_OK || memcmp(part, data + at, n) != 0) {
            return false;
        }
    }
    return true;
}

static bool value_equals(const struct nvs_place *place, uint8_t type, const void *data, size_t size)
{
    if (place->item.type != type) {
        return false;
    }
    if (nvs_item_has_data(type)) {
        return place->item.var.size == size && data_equals(place, data);
    }
    return memcmp(place->item.data, data, size) == 0;
}

static bool blob_equals(struct nvs_store *store, const struct nvs_item *index, const uint8_t *data, size_t size)
{
    size_t at = 0;

    if (index->type != NVS_ITEM_BLOB_INDEX || index->blob.size != size) {
        return false;
    }
    for (unsigned i = 0; i < index->blob.chunks; i++) {
        struct nvs_place piece;
        if (!nvs_find_item(store, index->ns, NVS_ITEM_BLOB_DATA, index->key, (uint8_t)(index->blob.first + i),
                           &piece) ||
            piece.item.var.size > size - at || !data_equals(&piece, data + at)) {
            return false;
        }
        at += piece.item.var.size;
    }
    return at == size;
}

static esp_err_t turn_page(struct nvs_store *store)
{
    struct nvs_page *page = nvs_current_page(store);

    if (page->state == NVS_PAGE_ACTIVE) {
        esp_err_t err = nvs_page_set_state(page, NVS_PAGE_FULL);
        if (err != ESP_OK) {
            return err;
        }
    }
    return nvs_next_page(store);
}

/* After the new value was appended: erases the old one, which is the first of the two. */
static esp_err_t erase_old(struct nvs_store *store, uint8_t ns, const char *key)
{
    struct nvs_place old;

    if (!nvs_find_item(store, ns, NVS_ITEM_ANY, key, NVS_CHUNK_NONE, &old)) {
        return ESP_FAIL; /* not even the new one */
    }
    return erase_value(store, &old) == ESP_OK ? ESP_OK : ESP_ERR_NVS_REMOVE_FAILED;
}

static esp_err_t check_key(const char *key, size_t size)
{
    if (strlen(key) > NVS_KEY_MAX) {
        return ESP_ERR_NVS_KEY_TOO_LONG;
    }
    return size > NVS_CHUNK_MAX ? ESP_ERR_NVS_VALUE_TOO_LONG : ESP_OK;
}

esp_err_t nvs_store_set(struct nvs_store *store, uint8_t ns, uint8_t type, const char *key, const void *data,
                        size_t size)
{
    esp_err_t err = check_key(key, size);
    struct nvs_place old;

    if (err != ESP_OK) {
        return err;
    }
    bool replaces = nvs_find_item(store, ns, NVS_ITEM_ANY, key, NVS_CHUNK_NONE, &old);
    if (replaces && value_equals(&old, type, data, size)) {
        return ESP_OK; /* spares the flash */
    }
    struct nvs_item item = nvs_item_head(ns, type, key, NVS_CHUNK_NONE);
    if (!nvs_item_has_data(type)) {
        memcpy(item.data, data, size);
    }
    size_t extra = nvs_item_has_data(type) ? size : 0;
    err = nvs_page_append(nvs_current_page(store), &item, data, extra);
    if (err == ESP_ERR_NVS_PAGE_FULL) {
        err = turn_page(store);
        if (err == ESP_OK) {
            err = nvs_page_append(nvs_current_page(store), &item, data, extra);
        }
        if (err == ESP_ERR_NVS_PAGE_FULL) {
            err = ESP_ERR_NVS_NOT_ENOUGH_SPACE;
        }
    }
    return err == ESP_OK && replaces ? erase_old(store, ns, key) : err;
}

/* Writes the pieces, as large as each page allows, and the index behind them. */
static esp_err_t append_blob(struct nvs_store *store, uint8_t ns, const char *key, const uint8_t *data, size_t size,
                             uint8_t first, unsigned *chunks)
{
    struct nvs_item index = nvs_item_head(ns, NVS_ITEM_BLOB_INDEX, key, NVS_CHUNK_NONE);
    size_t room = nvs_page_room(nvs_current_page(store));
    size_t at = 0;
    esp_err_t err = ESP_OK;

    /* A first piece of less than a tenth of a page is not worth its head, unless it is all there is. */
    if ((room < size || room == 0) && room < NVS_CHUNK_MAX / 10) {
        err = turn_page(store);
        if (err == ESP_OK && nvs_page_room(nvs_current_page(store)) <= room) {
            err = ESP_ERR_NVS_NOT_ENOUGH_SPACE;
        }
    }
    do {
        if (err != ESP_OK) {
            return err;
        }
        struct nvs_page *page = nvs_current_page(store);
        room = nvs_page_room(page);
        if (room == 0 || *chunks == NVS_BLOB_VERSION1 - 1) {
            return ESP_ERR_NVS_NOT_ENOUGH_SPACE;
        }
        size_t n = size - at < room ? size - at : room;
        struct nvs_item piece = nvs_item_head(ns, NVS_ITEM_BLOB_DATA, key, (uint8_t)(first + *chunks));
        err = nvs_page_append(page, &piece, data + at, n);
        ++*chunks;
        at += n;
        if (err == ESP_OK && (at < size || room - n < NVS_ENTRY)) { /* the index needs an entry too */
            err = turn_page(store);
        }
    } while (at < size);
    if (err != ESP_OK) {
        return err;
    }
    index.blob.size = (uint32_t)size;
    index.blob.chunks = (uint8_t)*chunks;
    index.blob.first = first;
    return nvs_page_append(nvs_current_page(store), &index, NULL, 0);
}

esp_err_t nvs_store_set_blob(struct nvs_store *store, uint8_t ns, const char *key, const void *data, size_t size)
{
    esp_err_t err = check_key(key, 0);
    unsigned chunks = 0;
    uint8_t first = 0;
    struct nvs_place old;

    if (err != ESP_OK) {
        return err;
    }
    if (size > (size_t)(store->page_count - 1) * NVS_CHUNK_MAX) {
        return ESP_ERR_NVS_VALUE_TOO_LONG;
    }
    bool replaces = nvs_find_item(store, ns, NVS_ITEM_ANY, key, NVS_CHUNK_NONE, &old);
    if (replaces && old.item.type == NVS_ITEM_BLOB_INDEX) {
        if (blob_equals(store, &old.item, data, size)) {
            return ESP_OK;
        }
        first = old.item.blob.first ^ NVS_BLOB_VERSION1;
    }
    err = append_blob(store, ns, key, data, size, first, &chunks);
    if (err != ESP_OK) {
        nvs_erase_chunks(store, ns, key, first, chunks); /* makes the room free; the old value stays */
        return err == ESP_ERR_NVS_PAGE_FULL ? ESP_ERR_NVS_NOT_ENOUGH_SPACE : err;
    }
    return replaces ? erase_old(store, ns, key) : ESP_OK;
}

static esp_err_t read_blob(struct nvs_store *store, const struct nvs_item *index, uint8_t *data)
{
    size_t at = 0;

    for (unsigned i = 0; i < index->blob.chunks; i++) {
        struct nvs_place piece;
        if (!nvs_find_item(store, index->ns, NVS_ITEM_BLOB_DATA, index->key, (uint8_t)(index->blob.first + i),
                           &piece)) {
            return ESP_ERR_NVS_NOT_FOUND;
        }
        if (piece.item.var.size > index->blob.size - at) {
            return ESP_ERR_NVS_INVALID_LENGTH;
        }
        esp_err_t err = nvs_page_read_data(piece.page, piece.index, &piece.item, data + at);
        if (err != ESP_OK) {
            return err;
        }
        at += piece.item.var.size;
    }
    return at == index->blob.size ? ESP_OK : ESP_ERR_NVS_NOT_FOUND;
}

esp_err_t nvs_store_get(struct nvs_store *store, uint8_t ns, uint8_t type, const char *key, void *data, size_t room,
                        size_t *size)
{
    uint8_t stored_as = type == NVS_TYPE_BLOB ? NVS_ITEM_BLOB_INDEX : type;
    struct nvs_place place;

    if (!nvs_find_item(store, ns, stored_as, key, NVS_CHUNK_NONE, &place) &&
        !(type == NVS_TYPE_BLOB && nvs_find_item(store, ns, NVS_ITEM_BLOB_V1, key, NVS_CHUNK_NONE, &place))) {
        return ESP_ERR_NVS_NOT_FOUND;
    }
    const struct nvs_item *item = &place.item;
    *size = item->type == NVS_ITEM_BLOB_INDEX ? item->blob.size
            : nvs_item_has_data(item->type)   ? item->var.size
                                              : nvs_item_number_size(item->type);
    if (!data) {
        return ESP_OK;
    }
    if (room < *size) {
        return ESP_ERR_NVS_INVALID_LENGTH;
    }
    if (item->type == NVS_ITEM_BLOB_INDEX) {
        return read_blob(store, item, data);
    }
    if (nvs_item_has_data(item->type)) {
        return nvs_page_read_data(place.page, place.index, item, data);
    }
    memcpy(data, item->data, *size);
    return ESP_OK;
}

esp_err_t nvs_store_find(struct nvs_store *store, uint8_t ns, const char *key, nvs_type_t *type)
{
    struct nvs_place place;

    if (!nvs_find_item(store, ns, NVS_ITEM_ANY, key, NVS_CHUNK_NONE, &place)) {
        return ESP_ERR_NVS_NOT_FOUND;
    }
    bool blob = place.item.type == NVS_ITEM_BLOB_INDEX || place.item.type == NVS_ITEM_BLOB_V1;
    *type = blob ? NVS_TYPE_BLOB : (nvs_type_t)place.item.type;
    return ESP_OK;
}

esp_err_t nvs_store_erase(struct nvs_store *store, uint8_t ns, const char *key)
{
    struct nvs_place place;

    if (!nvs_find_item(store, ns, NVS_ITEM_ANY, key, NVS_CHUNK_NONE, &place)) {
        return ESP_ERR_NVS_NOT_FOUND;
    }
    return erase_value(store, &place);
}

esp_err_t nvs_store_erase_all(struct nvs_store *store, uint8_t ns)
{
    struct nvs_place place = {0};
    esp_err_t err = ESP_OK;

    for (unsigned n = 0; err == ESP_OK && nvs_next_item(store, &n, &place); place.index += place.item.span) {
        if (place.item.ns == ns) {
            err = nvs_erase_place(&place);
        }
    }
    return err;
}

size_t nvs_store_used(struct nvs_store *store, uint8_t ns)
{
    struct nvs_place place = {0};
    size_t used = 0;

    for (unsigned n = 0; nvs_next_item(store, &n, &place); place.index += place.item.span) {
        used += place.item.ns == ns ? place.item.span : 0;
    }
    return used;
}

esp_err_t nvs_store_namespace(struct nvs_store *store, const char *name, bool create, uint8_t *ns)
{
    uint8_t taken[256 / 8] = {1}; /* 0 is the list of namespaces */
    struct nvs_place place = {0};

    for (unsigned n = 0; nvs_next_item(store, &n, &place); place.index += place.item.span) {
        if (place.item.ns != NVS_NAMESPACES || place.item.type != NVS_TYPE_U8) {
            continue;
        }
        if (strncmp(place.item.key, name, NVS_KEY_MAX) == 0) {
            *ns = place.item.data[0];
            return ESP_OK;
        }
        taken[place.item.data[0] / 8] |= (uint8_t)(1u << place.item.data[0] % 8);
    }
    if (!create) {
        return ESP_ERR_NVS_NOT_FOUND;
    }
    for (unsigned number = 1; number < 255; number++) { /* 255 stands for any */
        if (!(taken[number / 8] & 1u << number % 8)) {
            *ns = (uint8_t)number;
            return nvs_store_set(store, NVS_NAMESPACES, NVS_TYPE_U8, name, ns, 1);
        }
    }
    return ESP_ERR_NVS_NOT_ENOUGH_SPACE;
}
