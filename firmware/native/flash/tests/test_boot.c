/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The boot loader's choice: a row for every state that otadata and the slots can be in.
 */
#include <string.h>

#include "boot_select.h"
#include "digest.h"
#include "esp_image_check.h"
#include "esp_image_format.h"
#include "fixture.h"
#include "otadata.h"

#define SKIP UINT32_MAX /* an empty entry */

enum bad {
    SOUND,
    NO_MAGIC,
    OTHER_CHIP,
    BAD_CHECKSUM,
    BAD_DIGEST,
    BAD_LENGTH
};

struct row {
    const char *name;
    struct {
        uint32_t seq, state;
        bool torn; /* the CRC is wrong */
    } entry[2];
    enum bad image[2];
    int boots;             /* slot, -1 none */
    uint32_t after_seq[2]; /* SKIP: empty */
    uint32_t after_state[2];
    const char *says; /* a text in the log, or NULL */
};

#define NEW     ESP_OTA_IMG_NEW
#define PENDING ESP_OTA_IMG_PENDING_VERIFY
#define VALID   ESP_OTA_IMG_VALID
#define INVALID ESP_OTA_IMG_INVALID
#define ABORTED ESP_OTA_IMG_ABORTED
#define UNDEF   ESP_OTA_IMG_UNDEFINED

static const struct row ROWS[] = {
    {"both empty: slot 0, and otadata says so from now on",
     {{SKIP, UNDEF, 0}, {SKIP, UNDEF, 0}},
     {0},
     0,
     {1, SKIP},
     {VALID, UNDEF},
     "No factory image, trying OTA 0"},
    {"both empty, slot 0 bad",
     {{SKIP, UNDEF, 0}, {SKIP, UNDEF, 0}},
     {NO_MAGIC, SOUND},
     1,
     {2, SKIP},
     {VALID, UNDEF},
     "OTA app partition slot 0 is not bootable"},
    {"only the first entry", {{1, VALID, 0}, {SKIP, UNDEF, 0}}, {0}, 0, {1, SKIP}, {VALID, UNDEF}, NULL},
    {"only the second entry", {{SKIP, UNDEF, 0}, {2, VALID, 0}}, {0}, 1, {SKIP, 2}, {UNDEF, VALID}, NULL},
    {"the larger sequence decides", {{3, VALID, 0}, {2, VALID, 0}}, {0}, 0, {3, 2}, {VALID, VALID}, NULL},
    {"the larger sequence decides, second", {{3, VALID, 0}, {4, UNDEF, 0}}, {0}, 1, {3, 4}, {VALID, UNDEF}, NULL},
    {"equal sequences: the first entry", {{2, VALID, 0}, {2, NEW, 0}}, {0}, 1, {2, 2}, {VALID, NEW}, NULL},
    {"the larger one torn: the other", {{1, VALID, 0}, {2, NEW, 1}}, {0}, 0, {1, 2}, {VALID, NEW}, NULL},
    {"the smaller one torn", {{1, VALID, 1}, {2, VALID, 0}}, {0}, 1, {1, 2}, {VALID, VALID}, NULL},
    {"both torn: every slot is tried",
     {{1, VALID, 1}, {2, VALID, 1}},
     {0},
     0,
     {1, 2},
     {VALID, VALID},
     "ota data partition invalid and no factory, will try all partitions"},
    {"new: becomes pending", {{1, VALID, 0}, {2, NEW, 0}}, {0}, 1, {1, 2}, {VALID, PENDING}, NULL},
    {"pending: aborted, back to the other", {{1, VALID, 0}, {2, PENDING, 0}}, {0}, 0, {1, 2}, {VALID, ABORTED}, NULL},
    {"pending without another: slot 0",
     {{2, PENDING, 0}, {SKIP, UNDEF, 0}},
     {0},
     0,
     {2, SKIP},
     {ABORTED, UNDEF},
     "No factory image, trying OTA 0"},
    {"aborted", {{3, ABORTED, 0}, {2, VALID, 0}}, {0}, 1, {3, 2}, {ABORTED, VALID}, NULL},
    {"invalid", {{1, VALID, 0}, {2, INVALID, 0}}, {0}, 0, {1, 2}, {VALID, INVALID}, NULL},
    {"both found bad: slot 0, otadata stays",
     {{1, ABORTED, 0}, {2, INVALID, 0}},
     {0},
     0,
     {1, 2},
     {ABORTED, INVALID},
     "No factory image, trying OTA 0"},
    {"undefined boots as it is", {{1, VALID, 0}, {2, UNDEF, 0}}, {0}, 1, {1, 2}, {VALID, UNDEF}, NULL},
    {"chosen slot empty: the other",
     {{1, VALID, 0}, {2, NEW, 0}},
     {SOUND, NO_MAGIC},
     0,
     {1, 2},
     {VALID, PENDING},
     "has invalid magic byte (nothing flashed here?)"},
    {"chosen slot of another chip",
     {{1, VALID, 0}, {2, NEW, 0}},
     {SOUND, OTHER_CHIP},
     0,
     {1, 2},
     {VALID, PENDING},
     "mismatch chip ID, expected 32767, found 0"},
    {"chosen slot: checksum",
     {{1, VALID, 0}, {2, VALID, 0}},
     {SOUND, BAD_CHECKSUM},
     0,
     {1, 2},
     {VALID, VALID},
     "Checksum failed. Calculated 0x"},
    {"chosen slot: digest",
     {{1, VALID, 0}, {2, VALID, 0}},
     {SOUND, BAD_DIGEST},
     0,
     {1, 2},
     {VALID, VALID},
     "Image hash failed - image is corrupt"},
    {"chosen slot: length",
     {{1, VALID, 0}, {2, VALID, 0}},
     {SOUND, BAD_LENGTH},
     0,
     {1, 2},
     {VALID, VALID},
     "invalid segment length 0x"},
    {"chosen slot 0 bad: on to slot 1",
     {{3, VALID, 0}, {2, VALID, 0}},
     {BAD_DIGEST, SOUND},
     1,
     {3, 2},
     {VALID, VALID},
     "OTA app partition slot 0 is not bootable"},
    {"nothing bootable",
     {{1, VALID, 0}, {2, VALID, 0}},
     {NO_MAGIC, BAD_DIGEST},
     -1,
     {1, 2},
     {VALID, VALID},
     "No bootable app partitions in the partition table"},
};

static void put_entry(int i, uint32_t seq, uint32_t state, bool torn)
{
    esp_ota_select_entry_t entry;

    memset(fixture_flash + OTADATA_ADDR + (uint32_t)i * FLASH_SECTOR, 0xFF, FLASH_SECTOR);
    if (seq == SKIP) {
        return;
    }
    memset(&entry, 0xFF, sizeof entry);
    entry.ota_seq = seq;
    entry.ota_state = state;
    entry.crc = crc32_le(UINT32_MAX, &seq, sizeof seq) ^ (torn ? 1u : 0u);
    memcpy(fixture_flash + OTADATA_ADDR + (uint32_t)i * FLASH_SECTOR, &entry, sizeof entry);
}

static void put_slot(uint32_t addr, enum bad bad)
{
    uint8_t *image = fixture_flash + addr;
    size_t len = fixture_image(image, "1.0.0", 3000, addr);

    switch (bad) {
    case SOUND:
        break;
    case NO_MAGIC:
        memset(image, 0xFF, len);
        break;
    case OTHER_CHIP:
        image[12] = image[13] = 0; /* chip id of an ESP32 */
        break;
    case BAD_CHECKSUM:
        image[2000] ^= 0x10;
        break;
    case BAD_DIGEST:
        image[2000] ^= 0x10;
        image[2001] ^= 0x10; /* the checksum does not see it */
        break;
    case BAD_LENGTH:
        image[24 + 4] = 0x02;
        break;
    }
}

static bool said(const struct boot_choice *choice, const char *text)
{
    for (int i = 0; i < choice->log_lines; i++) {
        if (strstr(choice->log[i], text)) {
            return true;
        }
    }
    return false;
}

static void check_row(const struct row *row)
{
    static struct boot_choice choice;
    const uint32_t slots[] = {OTA_0_ADDR, OTA_1_ADDR};
    esp_ota_select_entry_t after[2];

    snprintf(fixture_case, sizeof fixture_case, "%s", row->name);
    for (int i = 0; i < 2; i++) {
        put_entry(i, row->entry[i].seq, row->entry[i].state, row->entry[i].torn);
        put_slot(slots[i], row->image[i]);
    }
    CHECK_EQ(boot_select(&choice), row->boots < 0 ? ESP_ERR_NOT_FOUND : ESP_OK);
    fixture_clear_log();
    for (int i = 0; i < choice.log_lines; i++) {
        strcat(strcat(fixture_log, choice.log[i]), "\n");
    }
    CHECK_EQ(choice.ok, row->boots >= 0);
    if (row->boots >= 0) {
        char loaded[80];
        CHECK_EQ(choice.offset, slots[row->boots]);
        CHECK_EQ(choice.size, OTA_SIZE);
        CHECK(strcmp(choice.label, row->boots == 0 ? "ota_0" : "ota_1") == 0);
        snprintf(loaded, sizeof loaded, "I boot: Loaded app from partition at offset 0x%x", slots[row->boots]);
        CHECK(said(&choice, loaded));
    }
    CHECK(!row->says || said(&choice, row->says));
    CHECK(said(&choice, "ota_1"));
    CHECK(choice.log_lines < BOOT_LOG_LINES);
    CHECK_EQ(otadata_read(OTADATA_ADDR, after), ESP_OK);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(after[i].ota_seq, row->after_seq[i]);
        CHECK_EQ(after[i].ota_state, row->after_state[i]);
    }
}

/* A cut in the boot loader's own writes leaves a slot to boot, and never the same unverified app for ever. */
static void test_cut_while_booting(void)
{
    static struct boot_choice choice;
    static const long TORN[] = {-1, 0, 3, 4, 24, 27, 28, 31, 4096};

    put_slot(OTA_0_ADDR, SOUND);
    put_slot(OTA_1_ADDR, SOUND);
    for (uint32_t state = NEW; state <= PENDING; state++) {
        for (long op = 1; op <= 2; op++) { /* erase, write */
            for (size_t t = 0; t < sizeof TORN / sizeof TORN[0]; t++) {
                snprintf(fixture_case, sizeof fixture_case, "state %u, cut at %ld, torn %ld", state, op, TORN[t]);
                put_entry(0, 1, VALID, false);
                put_entry(1, 2, state, false);
                flash_file_cut_after(op, TORN[t], NULL);
                boot_select(&choice);
                flash_file_cut_after(0, 0, NULL);
                int boots_of_new = 0;
                for (int i = 0; i < 4; i++) {
                    CHECK_EQ(boot_select(&choice), ESP_OK);
                    boots_of_new += choice.offset == OTA_1_ADDR;
                }
                CHECK(boots_of_new <= 1);
                CHECK_EQ(choice.offset, OTA_0_ADDR);
            }
        }
    }
}

static void test_bad_table(void)
{
    static struct boot_choice choice;

    fixture_case[0] = '\0';
    fixture_flash[0x8000 + 8] ^= 1; /* size of the first partition: the MD5 is no longer right */
    CHECK_EQ(boot_select(&choice), ESP_ERR_NOT_FOUND);
    CHECK(said(&choice, "Incorrect MD5 checksum") && said(&choice, "Failed to verify partition table"));
    fixture_flash[0x8000 + 8] ^= 1;
    CHECK_EQ(boot_select(&choice), ESP_OK);
}

static void test_find_elf(const char *made_by_tool)
{
    uint32_t addr, size;
    char magic[4];
    struct image_info info;

    FILE *f = fopen(made_by_tool, "rb");
    CHECK(f);
    size_t len = fread(fixture_flash + OTA_0_ADDR, 1, OTA_SIZE, f);
    fclose(f);
    CHECK_EQ(esp_image_check(OTA_0_ADDR, OTA_SIZE, NULL, NULL, &info), ESP_OK);
    CHECK_EQ(info.length, len);
    CHECK_EQ(esp_image_elf(OTA_0_ADDR, &addr, &size), ESP_OK);
    CHECK(addr == info.elf_addr && size == info.elf_size);
    CHECK_EQ(flash_read(addr, magic, 4), ESP_OK);
    CHECK(memcmp(magic, "\177ELF", 4) == 0);
    CHECK_EQ(esp_image_check(OTA_0_ADDR, (uint32_t)len - 1, NULL, NULL, NULL), ESP_ERR_IMAGE_INVALID);
}

int main(int argc, char **argv)
{
    CHECK(argc == 4);
    fixture_open(argv[1], argv[2]);
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        check_row(&ROWS[i]);
    }
    fixture_clear_log();
    test_cut_while_booting();
    test_bad_table();
    test_find_elf(argv[3]);
    return 0;
}
