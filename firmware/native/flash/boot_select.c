/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Follows ESP-IDF's boot loader step by step, oddities included: a slot whose image is bad is passed over without a
 * word in otadata, and when both entries are lost it tries every slot in turn.
 */
#include "boot_select.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "esp_image_check.h"
#include "flash.h"
#include "otadata.h"
#include "partition_table.h"

#define FACTORY   (-1) /* index of the factory app; OTA slots count from 0 */
#define UNUSABLE  (-99)
#define MAX_SLOTS 16
#define TYPE_APP  0x00
#define TYPE_DATA 0x01
#define APP_OTA   0x10 /* subtype of the first OTA slot */
#define APP_TEST  0x20
#define DATA_OTA  0x00

struct boot {
    struct boot_choice *out;
    esp_partition_info_t factory, test, ota[MAX_SLOTS]; /* pos.size 0: there is none */
    uint32_t otadata;                                   /* flash address, 0: no such partition */
    int slots;
    bool fresh; /* otadata holds nothing yet: what boots is written into it */
};

static const char TAG[] = "boot";

static void collect(void *ctx, char level, const char *tag, const char *text)
{
    struct boot_choice *out = ctx;

    if (out->log_lines < BOOT_LOG_LINES) {
        snprintf(out->log[out->log_lines++], sizeof out->log[0], "%c %s: %s", level, tag, text);
    }
}

__attribute__((format(printf, 3, 4))) static void say(struct boot *b, char level, const char *format, ...)
{
    char text[112];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    collect(b->out, level, TAG, text);
}

/* Files a partition under what it is for. @return its name in the list the boot loader prints */
static const char *sort_in(struct boot *b, const esp_partition_info_t *e)
{
    if (e->type == TYPE_APP) {
        if (e->subtype == 0) {
            b->factory = *e;
            return "factory app";
        }
        if (e->subtype == APP_TEST) {
            b->test = *e;
            return "test app";
        }
        if ((e->subtype & ~0x0f) == APP_OTA) {
            b->ota[e->subtype & 0x0f] = *e;
            b->slots++;
            return "OTA app";
        }
        return "Unknown app";
    }
    if (e->type == TYPE_DATA) {
        switch (e->subtype) {
        case DATA_OTA:
            b->otadata = e->pos.offset;
            return "OTA data";
        case 0x01:
            return "RF data";
        case 0x02:
            return "WiFi data";
        case 0x04:
            return "NVS keys";
        case 0x05:
            return "efuse";
        default:
            return "Unknown data";
        }
    }
    return "unknown";
}

static bool load_table(struct boot *b)
{
    esp_partition_info_t entries[ESP_PARTITION_TABLE_MAX_ENTRIES];
    int count;

    if (partition_table_read(entries, &count, collect, b->out) != ESP_OK) {
        say(b, 'E', "Failed to verify partition table");
        return false;
    }
    say(b, 'I', "Partition Table:");
    say(b, 'I', "## Label            Usage          Type ST Offset   Length");
    for (int i = 0; i < count; i++) {
        const esp_partition_info_t *e = &entries[i];
        const char *usage = sort_in(b, e);
        say(b, 'I', "%2d %-16.16s %-16s %02x %02x %08" PRIx32 " %08" PRIx32, i, (const char *)e->label, usage, e->type,
            e->subtype, e->pos.offset, e->pos.size);
    }
    say(b, 'I', "End of partition table");
    return true;
}

static void write_entry(struct boot *b, int index, const esp_ota_select_entry_t *entry)
{
    esp_err_t err = otadata_write(b->otadata, index, entry);

    if (err != ESP_OK) {
        say(b, 'E', "Error in write_otadata operation. err = 0x%x", (unsigned)err);
    }
}

/* What never said that it works does not get a second chance. */
static void abort_unverified(struct boot *b, esp_ota_select_entry_t two[2])
{
    for (int i = 0; i < 2; i++) {
        if (two[i].ota_state == ESP_OTA_IMG_PENDING_VERIFY) {
            two[i].ota_state = ESP_OTA_IMG_ABORTED;
            write_entry(b, i, &two[i]);
        }
    }
}

static bool blank_or_torn(const esp_ota_select_entry_t *entry)
{
    return entry->ota_seq == UINT32_MAX || entry->crc != otadata_crc(entry);
}

static int selected_slot(struct boot *b)
{
    esp_ota_select_entry_t two[2];

    if (b->otadata == 0) {
        return FACTORY;
    }
    if (otadata_read(b->otadata, two) != ESP_OK) {
        return UNUSABLE;
    }
    abort_unverified(b, two);

    if ((otadata_invalid(&two[0]) && otadata_invalid(&two[1])) || b->slots == 0) {
        if (b->factory.pos.size > 0) {
            say(b, 'I', "Defaulting to factory image");
            return FACTORY;
        }
        say(b, 'I', "No factory image, trying OTA 0");
        b->fresh = blank_or_torn(&two[0]) && blank_or_torn(&two[1]);
        return 0;
    }

    int active = otadata_active(two);
    if (active < 0) {
        say(b, 'E', "ota data partition invalid%s",
            b->factory.pos.size > 0 ? ", falling back to factory" : " and no factory, will try all partitions");
        return FACTORY;
    }
    int slot = (int)((two[active].ota_seq - 1) % (uint32_t)b->slots);
    if (two[active].ota_state == ESP_OTA_IMG_NEW) {
        two[active].ota_state = ESP_OTA_IMG_PENDING_VERIFY;
        write_entry(b, active, &two[active]);
    }
    return slot;
}

static bool load(struct boot *b, const esp_partition_info_t *part)
{
    struct image_info image;

    if (part->pos.size == 0 || esp_image_check(part->pos.offset, part->pos.size, collect, b->out, &image) != ESP_OK) {
        return false;
    }
    say(b, 'I', "Loaded app from partition at offset 0x%" PRIx32, part->pos.offset);
    b->out->ok = true;
    b->out->offset = part->pos.offset;
    b->out->size = part->pos.size;
    memcpy(b->out->label, part->label, sizeof part->label);
    return true;
}

static void note_first_boot(struct boot *b, int slot)
{
    esp_ota_select_entry_t entry;

    if (slot == FACTORY || !b->fresh) {
        return;
    }
    memset(&entry, 0xFF, sizeof entry);
    entry.ota_seq = (uint32_t)slot + 1;
    entry.ota_state = ESP_OTA_IMG_VALID;
    entry.crc = otadata_crc(&entry);
    write_entry(b, 0, &entry);
    say(b, 'I', "Set actual ota_seq=%" PRIu32 " in otadata[0]", entry.ota_seq);
}

static bool try_slot(struct boot *b, int slot)
{
    if (slot >= MAX_SLOTS) {
        return false; /* the table may name a slot twice, and counts more of them than there can be, as ESP-IDF does */
    }
    const esp_partition_info_t *part = slot == FACTORY ? &b->factory : &b->ota[slot];

    if (part->pos.size == 0) {
        return false;
    }
    if (load(b, part)) {
        note_first_boot(b, slot);
        return true;
    }
    if (slot == FACTORY) {
        say(b, 'E', "Factory app partition is not bootable");
    } else {
        say(b, 'E', "OTA app partition slot %d is not bootable", slot);
    }
    return false;
}

esp_err_t boot_select(struct boot_choice *out)
{
    struct boot b = {.out = out};

    memset(out, 0, sizeof *out);
    if (!load_table(&b)) {
        return ESP_ERR_NOT_FOUND;
    }
    int start = selected_slot(&b);
    if (start == UNUSABLE) {
        return ESP_ERR_NOT_FOUND;
    }
    for (int slot = start; slot >= FACTORY; slot--) {
        if (try_slot(&b, slot)) {
            return ESP_OK;
        }
    }
    for (int slot = start + 1; slot < b.slots; slot++) {
        if (try_slot(&b, slot)) {
            return ESP_OK;
        }
    }
    if (load(&b, &b.test)) {
        say(&b, 'W', "Falling back to test app as only bootable partition");
        return ESP_OK;
    }
    say(&b, 'E', "No bootable app partitions in the partition table");
    return ESP_ERR_NOT_FOUND;
}
