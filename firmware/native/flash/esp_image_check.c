/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "esp_image_check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "digest.h"
#include "esp_image_format.h"
#include "flash.h"

#define CHECKSUM_START 0xEFu
#define MAX_SEGMENT    (16u * 1024 * 1024) /* bytes; what a chip can address */
#define READ_CHUNK     1024u

struct check {
    flash_log_fn log;
    void *log_ctx;
    uint32_t addr; /* next byte to read */
    uint32_t end;  /* first byte that no longer belongs to the partition */
    uint8_t checksum;
    struct sha256 sha;
};

static const char TAG[] = "esp_image";

__attribute__((format(printf, 4, 5))) static void say(const struct check *c, char level, const char *tag,
                                                      const char *format, ...)
{
    char text[128];
    va_list args;

    if (!c->log) {
        return;
    }
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    c->log(c->log_ctx, level, tag, text);
}

/* Reads the next bytes, which belong to the digest. */
static esp_err_t take(struct check *c, void *dst, uint32_t len)
{
    if (len > c->end - c->addr) {
        return ESP_ERR_INVALID_SIZE;
    }
    esp_err_t err = flash_read(c->addr, dst, len);
    if (err == ESP_OK) {
        sha256_add(&c->sha, dst, len);
        c->addr += len;
    }
    return err;
}

static esp_err_t check_header(struct check *c, uint32_t offset, esp_image_header_t *header)
{
    esp_err_t err = take(c, header, sizeof *header);

    if (err != ESP_OK) {
        return err;
    }
    if (header->magic != ESP_IMAGE_HEADER_MAGIC) {
        say(c, 'E', TAG, "image at 0x%" PRIx32 " has invalid magic byte (nothing flashed here?)", offset);
        return ESP_ERR_IMAGE_INVALID;
    }
    if (header->chip_id != IMAGE_CHIP_ID) {
        say(c, 'E', "boot_comm", "mismatch chip ID, expected %d, found %d", IMAGE_CHIP_ID, header->chip_id);
        return ESP_FAIL;
    }
    if (header->segment_count > ESP_IMAGE_MAX_SEGMENTS) {
        say(c, 'E', TAG, "image at 0x%" PRIx32 " segment count %d exceeds max %d", offset, header->segment_count,
            ESP_IMAGE_MAX_SEGMENTS);
        return ESP_ERR_IMAGE_INVALID;
    }
    return ESP_OK;
}

static esp_err_t check_segment(struct check *c, int index, struct image_info *info)
{
    esp_image_segment_header_t segment;
    uint8_t chunk[READ_CHUNK];
    esp_err_t err = take(c, &segment, sizeof segment);

    if (err != ESP_OK) {
        return err;
    }
    if (segment.data_len % 4 != 0 || segment.data_len >= MAX_SEGMENT) {
        say(c, 'E', TAG, "invalid segment length 0x%" PRIx32, segment.data_len);
        return ESP_ERR_IMAGE_INVALID;
    }
    say(c, 'I', TAG, "segment %d: paddr=%08" PRIx32 " vaddr=%08" PRIx32 " size=%05" PRIx32 "h (%6" PRIu32 ") %s", index,
        c->addr, segment.load_addr, segment.data_len, segment.data_len,
        segment.load_addr == IMAGE_ELF_VADDR ? "load" : "map");
    if (segment.load_addr == IMAGE_ELF_VADDR) {
        info->elf_addr = c->addr;
        info->elf_size = segment.data_len;
    }
    for (uint32_t left = segment.data_len; left > 0;) {
        uint32_t n = left < READ_CHUNK ? left : READ_CHUNK;
        err = take(c, chunk, n);
        if (err != ESP_OK) {
            return err;
        }
        for (uint32_t i = 0; i < n; i++) {
            c->checksum ^= chunk[i];
        }
        left -= n;
    }
    return ESP_OK;
}

/* The checksum is the last byte of the 16-byte block in which the segments end, or of the next one if they fill it. */
static esp_err_t check_checksum(struct check *c, uint32_t offset)
{
    uint8_t tail[16];
    uint32_t n = 16 - (c->addr - offset) % 16;
    esp_err_t err = take(c, tail, n);

    if (err == ESP_OK && tail[n - 1] != c->checksum) {
        say(c, 'E', TAG, "Checksum failed. Calculated 0x%x read 0x%x", c->checksum, tail[n - 1]);
        return ESP_ERR_IMAGE_INVALID;
    }
    return err;
}

static esp_err_t check_parts(struct check *c, uint32_t offset, struct image_info *info)
{
    esp_image_header_t header;
    esp_err_t err = check_header(c, offset, &header);

    for (int i = 0; err == ESP_OK && i < header.segment_count; i++) {
        err = check_segment(c, i, info);
    }
    if (err == ESP_OK) {
        err = check_checksum(c, offset);
    }
    if (err == ESP_OK && header.hash_appended) {
        info->has_digest = true;
        if (c->end - c->addr < sizeof info->digest) {
            err = ESP_ERR_INVALID_SIZE;
        } else {
            err = flash_read(c->addr, info->digest, sizeof info->digest);
            c->addr += sizeof info->digest;
        }
    }
    if (err == ESP_ERR_INVALID_SIZE) {
        say(c, 'E', TAG, "Image doesn't fit in partition length %" PRIu32, c->end - offset);
        err = ESP_ERR_IMAGE_INVALID;
    }
    return err;
}

esp_err_t esp_image_check(uint32_t offset, uint32_t max_size, flash_log_fn log, void *log_ctx, struct image_info *info)
{
    struct image_info found = {0};
    struct check c = {
        .log = log, .log_ctx = log_ctx, .addr = offset, .end = offset + max_size, .checksum = CHECKSUM_START};
    uint8_t digest[32];

    sha256_start(&c.sha);
    esp_err_t err = check_parts(&c, offset, &found);
    sha256_end(&c.sha, digest);

    if (err == ESP_OK && found.has_digest && memcmp(digest, found.digest, sizeof digest) != 0) {
        say(&c, 'E', TAG, "Image hash failed - image is corrupt");
        err = ESP_ERR_IMAGE_INVALID;
    }
    if (err == ESP_OK && info) {
        found.length = c.addr - offset;
        *info = found;
    }
    return err;
}

esp_err_t esp_image_elf(uint32_t offset, uint32_t *elf_addr, uint32_t *elf_len)
{
    esp_image_header_t header;
    uint32_t addr = offset + sizeof header;
    esp_err_t err = flash_read(offset, &header, sizeof header);

    for (int i = 0; err == ESP_OK && i < header.segment_count; i++) {
        esp_image_segment_header_t segment;
        err = flash_read(addr, &segment, sizeof segment);
        addr += sizeof segment;
        if (err == ESP_OK && segment.load_addr == IMAGE_ELF_VADDR) {
            *elf_addr = addr;
            *elf_len = segment.data_len;
            return ESP_OK;
        }
        addr += segment.data_len;
    }
    return err == ESP_OK ? ESP_ERR_NOT_FOUND : err;
}
