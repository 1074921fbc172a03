/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The order of writes is ESP-IDF's: an entry first, then its two bits in the table. After a cut the table tells how far
 * it got, and what lies behind the last written entry is given up.
 */
#include "nvs_page.h"

#include <string.h>

#include "digest.h"
#include "flash.h"
#include "nvs.h"

#define ENTRIES_IN_WORD 16u /* two bits each */

static uint32_t entry_addr(const struct nvs_page *page, unsigned index)
{
    return page->addr + NVS_ENTRY_OFFSET + index * NVS_ENTRY;
}

static enum nvs_entry_state entry_state(const struct nvs_page *page, unsigned index)
{
    return (enum nvs_entry_state)(page->table[index / ENTRIES_IN_WORD] >> (index % ENTRIES_IN_WORD * 2) & 3);
}

/* Last word first: the head of an item is the last thing that is written, or erased. */
static esp_err_t mark(struct nvs_page *page, unsigned begin, unsigned end, enum nvs_entry_state state)
{
    for (unsigned i = end; i-- > begin;) {
        unsigned shift = i % ENTRIES_IN_WORD * 2;
        uint32_t *word = &page->table[i / ENTRIES_IN_WORD];

        page->used -= entry_state(page, i) == NVS_WRITTEN;
        page->used += state == NVS_WRITTEN;
        *word = (*word & ~(3u << shift)) | (uint32_t)state << shift;
        if (i == begin || i % ENTRIES_IN_WORD == 0) {
            uint32_t at = page->addr + NVS_TABLE_OFFSET + i / ENTRIES_IN_WORD * (uint32_t)sizeof *word;
            esp_err_t err = flash_write(at, word, sizeof *word);
            if (err != ESP_OK) {
                return err;
            }
        }
    }
    return ESP_OK;
}

static bool all_ones(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0xFF) {
            return false;
        }
    }
    return true;
}

static esp_err_t page_is_blank(const struct nvs_page *page, bool *blank)
{
    uint8_t part[512];

    *blank = true;
    for (uint32_t at = 0; at < FLASH_SECTOR && *blank; at += sizeof part) {
        esp_err_t err = flash_read(page->addr + at, part, sizeof part);
        if (err != ESP_OK) {
            return err;
        }
        *blank = all_ones(part, sizeof part);
    }
    return ESP_OK;
}

/*
 * Finds where writing goes on. An entry that was written while its bits were not is given up, and so is all before it:
 * data may look empty (0xFF) although more of the same write follows.
 */
static esp_err_t find_next_free(struct nvs_page *page)
{
    uint8_t entry[NVS_ENTRY];
    unsigned first = 0, end = NVS_ENTRIES;

    while (first < NVS_ENTRIES && entry_state(page, first) != NVS_EMPTY) {
        first++;
    }
    for (; end > first; end--) {
        esp_err_t err = flash_read(entry_addr(page, end - 1), entry, sizeof entry);
        if (err != ESP_OK) {
            return err;
        }
        if (entry_state(page, end - 1) != NVS_EMPTY || !all_ones(entry, sizeof entry)) {
            break;
        }
    }
    page->next_free = end;
    return end > first ? mark(page, first, end, NVS_ERASED) : ESP_OK;
}

/* Erases what is no whole item. */
static esp_err_t drop_unsound(struct nvs_page *page)
{
    unsigned span;

    for (unsigned i = 0; i < page->next_free; i += span) {
        struct nvs_item item;
        bool whole = false;

        span = 1;
        if (entry_state(page, i) == NVS_ERASED || entry_state(page, i) == NVS_EMPTY) {
            continue;
        }
        esp_err_t err = flash_read(entry_addr(page, i), &item, sizeof item);
        if (err != ESP_OK) {
            return err;
        }
        if (entry_state(page, i) == NVS_WRITTEN && nvs_item_sound(&item, i)) {
            span = item.span;
            whole = true;
            for (unsigned j = i; j < i + span; j++) {
                whole = whole && entry_state(page, j) == NVS_WRITTEN;
            }
        }
        if (!whole) {
            err = mark(page, i, i + span, NVS_ERASED);
            if (err != ESP_OK) {
                return err;
            }
            if (i + span > page->next_free) {
                page->next_free = i + span; /* its entries are marked now, those never written too */
            }
        }
    }
    return ESP_OK;
}

bool nvs_page_in_use(const struct nvs_page *page)
{
    return page->state == NVS_PAGE_ACTIVE || page->state == NVS_PAGE_FULL || page->state == NVS_PAGE_FREEING;
}

esp_err_t nvs_page_load(struct nvs_page *page, uint32_t addr)
{
    struct nvs_page_header header;
    bool blank;

    *page = (struct nvs_page){.addr = addr, .state = NVS_PAGE_CORRUPT};
    memset(page->table, 0xFF, sizeof page->table);

    esp_err_t err = flash_read(addr, &header, sizeof header);
    if (err != ESP_OK) {
        return err;
    }
    if (header.state == NVS_PAGE_BLANK) {
        err = page_is_blank(page, &blank);
        if (err == ESP_OK && blank) {
            page->state = NVS_PAGE_BLANK;
        }
        return err;
    }
    if (header.crc != nvs_header_crc(&header)) {
        return ESP_OK;
    }
    if (header.version < NVS_VERSION) {
        return ESP_ERR_NVS_NEW_VERSION_FOUND;
    }
    page->state = header.state;
    page->seq = header.seq;
    if (!nvs_page_in_use(page)) {
        page->state = NVS_PAGE_CORRUPT;
        return ESP_OK;
    }
    err = flash_read(addr + NVS_TABLE_OFFSET, page->table, sizeof page->table);
    for (unsigned i = 0; i < NVS_ENTRIES; i++) {
        page->used += entry_state(page, i) == NVS_WRITTEN;
    }
    page->next_free = NVS_ENTRIES;
    if (err == ESP_OK && page->state == NVS_PAGE_ACTIVE) {
        err = find_next_free(page);
    }
    return err == ESP_OK ? drop_unsound(page) : err;
}

bool nvs_page_next(const struct nvs_page *page, unsigned *index, struct nvs_item *item)
{
    if (!nvs_page_in_use(page)) {
        return false;
    }
    for (; *index < page->next_free; ++*index) {
        /* The CRC was looked at when the page was loaded; whoever takes the item's value looks again. */
        if (entry_state(page, *index) == NVS_WRITTEN &&
            flash_read(entry_addr(page, *index), item, sizeof *item) == ESP_OK && item->span > 0 &&
            *index + item->span <= NVS_ENTRIES) {
            return true;
        }
    }
    return false;
}

esp_err_t nvs_page_read_data(const struct nvs_page *page, unsigned index, const struct nvs_item *item, void *data)
{
    esp_err_t err = flash_read(entry_addr(page, index + 1), data, item->var.size);

    if (err == ESP_OK && crc32_le(UINT32_MAX, data, item->var.size) != item->var.crc) {
        return ESP_ERR_NVS_NOT_FOUND;
    }
    return err;
}

static esp_err_t begin_page(struct nvs_page *page)
{
    struct nvs_page_header header = {.state = NVS_PAGE_ACTIVE, .seq = page->seq, .version = NVS_VERSION};

    memset(header.reserved, 0xFF, sizeof header.reserved);
    header.crc = nvs_header_crc(&header);
    esp_err_t err = flash_write(page->addr, &header, sizeof header);
    if (err == ESP_OK) {
        page->state = NVS_PAGE_ACTIVE;
        page->next_free = 0;
    }
    return err;
}

static esp_err_t append_entries(struct nvs_page *page, const void *data, unsigned count)
{
    esp_err_t err = flash_write(entry_addr(page, page->next_free), data, count * NVS_ENTRY);

    if (err == ESP_OK) {
        err = mark(page, page->next_free, page->next_free + count, NVS_WRITTEN);
    }
    page->next_free += count; /* also after a failure: what is there may be half written */
    return err;
}

esp_err_t nvs_page_append(struct nvs_page *page, struct nvs_item *item, const void *data, size_t size)
{
    unsigned whole = (unsigned)(size / NVS_ENTRY);
    size_t rest = size % NVS_ENTRY;
    esp_err_t err = ESP_OK;

    if (page->state == NVS_PAGE_BLANK) {
        err = begin_page(page);
        if (err != ESP_OK) {
            return err;
        }
    }
    item->span = (uint8_t)(1 + whole + (rest > 0));
    if (page->state != NVS_PAGE_ACTIVE || page->next_free + item->span > NVS_ENTRIES) {
        return ESP_ERR_NVS_PAGE_FULL;
    }
    if (nvs_item_has_data(item->type)) {
        item->var.size = (uint16_t)size;
        item->var.reserved = 0xFFFF;
        item->var.crc = crc32_le(UINT32_MAX, data, size);
    }
    item->crc = nvs_item_crc(item);
    err = append_entries(page, item, 1);
    if (err == ESP_OK && whole > 0) {
        err = append_entries(page, data, whole);
    }
    if (err == ESP_OK && rest > 0) {
        uint8_t last[NVS_ENTRY];
        memset(last, 0xFF, sizeof last);
        memcpy(last, (const uint8_t *)data + whole * NVS_ENTRY, rest);
        err = append_entries(page, last, 1);
    }
    return err;
}

esp_err_t nvs_page_erase_item(struct nvs_page *page, unsigned index, unsigned span)
{
    return mark(page, index, index + span, NVS_ERASED);
}

esp_err_t nvs_page_copy_items(const struct nvs_page *from, struct nvs_page *to)
{
    struct nvs_item item;
    esp_err_t err = ESP_OK;

    for (unsigned i = 0; err == ESP_OK && nvs_page_next(from, &i, &item); i += item.span) {
        if (to->state == NVS_PAGE_BLANK) {
            err = begin_page(to);
        }
        for (unsigned j = i; err == ESP_OK && j < i + item.span; j++) {
            uint8_t entry[NVS_ENTRY];
            err = flash_read(entry_addr(from, j), entry, sizeof entry);
            if (err == ESP_OK) {
                err = append_entries(to, entry, 1);
            }
        }
    }
    return err;
}

esp_err_t nvs_page_set_state(struct nvs_page *page, enum nvs_page_state state)
{
    uint32_t word = state;
    esp_err_t err = flash_write(page->addr, &word, sizeof word);

    if (err == ESP_OK) {
        page->state = state;
    }
    return err;
}

esp_err_t nvs_page_wipe(struct nvs_page *page)
{
    esp_err_t err = flash_erase(page->addr, FLASH_SECTOR);

    if (err == ESP_OK) {
        *page = (struct nvs_page){.addr = page->addr, .state = NVS_PAGE_BLANK};
        memset(page->table, 0xFF, sizeof page->table);
    }
    return err;
}

size_t nvs_page_room(const struct nvs_page *page)
{
    if (page->state == NVS_PAGE_BLANK) {
        return NVS_CHUNK_MAX;
    }
    if (page->state != NVS_PAGE_ACTIVE || page->next_free >= NVS_ENTRIES - 1) {
        return 0;
    }
    return (NVS_ENTRIES - page->next_free - 1) * NVS_ENTRY;
}
