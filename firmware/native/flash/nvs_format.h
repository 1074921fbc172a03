/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * ESP-IDF's nvs as it lies in flash. A page is one sector: header, a table of two bits an entry, 126 entries of 32
 * bytes. An item is one entry, or a head entry and the entries of its data behind it. Bits only ever go from 1 to 0
 * until the page is erased, and the states are numbered so that each can become the next.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NVS_ENTRY         32u   /* bytes */
#define NVS_ENTRIES       126u  /* a page */
#define NVS_TABLE_OFFSET  32u   /* of the state table in the page */
#define NVS_ENTRY_OFFSET  64u   /* of the first entry in the page */
#define NVS_VERSION       0xFEu /* counts down: 0xFF was the first format, without multi-page blobs */
#define NVS_CHUNK_MAX     ((NVS_ENTRIES - 1) * NVS_ENTRY)
#define NVS_NAMESPACES    0u /* namespace 0 lists the others: key = name, value = its number */
#define NVS_KEY_MAX       15u
#define NVS_CHUNK_NONE    0xFFu /* chunk number of everything that is no piece of a blob */
#define NVS_BLOB_VERSION1 0x80u /* pieces of a blob count from 0 or from here, in turn, so that old and new differ */

enum nvs_page_state {
    NVS_PAGE_BLANK = 0xFFFFFFFF,
    NVS_PAGE_ACTIVE = 0xFFFFFFFE,
    NVS_PAGE_FULL = 0xFFFFFFFC,
    NVS_PAGE_FREEING = 0xFFFFFFF8, /* its items are being copied to a new page */
    NVS_PAGE_CORRUPT = 0xFFFFFFF0, /* never written: what cannot be read is erased before it is used again */
};

enum nvs_entry_state {
    NVS_EMPTY = 3,
    NVS_WRITTEN = 2,
    NVS_ERASED = 0,
    NVS_ILLEGAL = 1,
};

/* Those of nvs_type_t, and what a blob is made of. */
enum nvs_item_type {
    NVS_ITEM_STR = 0x21,
    NVS_ITEM_BLOB_V1 = 0x41, /* first format: head and data on one page */
    NVS_ITEM_BLOB_DATA = 0x42,
    NVS_ITEM_BLOB_INDEX = 0x48,
    NVS_ITEM_ANY = 0xFF,
};

struct nvs_page_header {
    uint32_t state;
    uint32_t seq;
    uint8_t version;
    uint8_t reserved[19];
    uint32_t crc; /* over all but state and crc */
};

struct nvs_item {
    uint8_t ns;
    uint8_t type;
    uint8_t span; /* entries, this one included */
    uint8_t chunk;
    uint32_t crc; /* over all but crc */
    char key[16];
    union {
        uint8_t data[8];
        struct {
            uint16_t size;
            uint16_t reserved;
            uint32_t crc; /* of the data */
        } var;
        struct {
            uint32_t size;
            uint8_t chunks;
            uint8_t first; /* chunk number of the first piece: 0 or NVS_BLOB_VERSION1 */
            uint16_t reserved;
        } blob;
    };
};

_Static_assert(sizeof(struct nvs_page_header) == NVS_ENTRY, "page header is 32 bytes");
_Static_assert(sizeof(struct nvs_item) == NVS_ENTRY, "an entry is 32 bytes");

uint32_t nvs_header_crc(const struct nvs_page_header *header);
uint32_t nvs_item_crc(const struct nvs_item *item);

/** Whether the entry at @p index is the head of an item: its CRC, type and span fit. */
bool nvs_item_sound(const struct nvs_item *item, unsigned index);

/** Whether the item has data entries behind it. */
bool nvs_item_has_data(uint8_t type);

/** Bytes of a number, 0 for other types. */
unsigned nvs_item_number_size(uint8_t type);

/** An item with everything but value and CRC. */
struct nvs_item nvs_item_head(uint8_t ns, uint8_t type, const char *key, uint8_t chunk);
