/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The fixture, and flash_port.h without FreeRTOS and without a supervisor.
 */
#include "fixture.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "digest.h"
#include "esp_app_desc.h"
#include "esp_flash_partitions.h"
#include "esp_image_check.h"
#include "flash_port.h"

uint8_t *fixture_flash;
char fixture_log[8192];
char fixture_case[200];
uint32_t fixture_running_offset;
int fixture_restarts;

void fixture_fail(void)
{
    if (fixture_case[0]) {
        fprintf(stderr, "  in: %s\n", fixture_case);
    }
    if (fixture_log[0]) {
        fprintf(stderr, "  log:\n%s", fixture_log);
    }
    exit(1);
}

void fixture_clear_log(void)
{
    fixture_log[0] = '\0';
}

void flash_port_lock(enum flash_lock lock)
{
    (void)lock;
}

void flash_port_unlock(enum flash_lock lock)
{
    (void)lock;
}

void flash_port_log(void *ctx, char level, const char *tag, const char *text)
{
    size_t used = strlen(fixture_log);

    (void)ctx;
    snprintf(fixture_log + used, sizeof fixture_log - used, "%c %s: %s\n", level, tag, text);
}

uint32_t flash_port_running_offset(void)
{
    return fixture_running_offset;
}

void flash_port_restart(void)
{
    fixture_restarts++;
}

void fixture_open(const char *path, const char *table)
{
    char why[200];
    uint8_t entries[ESP_PARTITION_TABLE_MAX_LEN];
    FILE *f = fopen(table, "rb");

    CHECK(f && fread(entries, 1, sizeof entries, f) == sizeof entries);
    fclose(f);
    flash_file_close();
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0 && ftruncate(fd, FIXTURE_SIZE) == 0);
    fixture_flash = mmap(NULL, FIXTURE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(fixture_flash != MAP_FAILED);
    close(fd);
    memset(fixture_flash, 0xFF, FIXTURE_SIZE);
    memcpy(fixture_flash + ESP_PARTITION_TABLE_OFFSET, entries, sizeof entries);
    if (flash_file_open(path, why, sizeof why) != ESP_OK) {
        fprintf(stderr, "%s\n", why);
        fixture_fail();
    }
}

static size_t put(uint8_t *out, size_t at, const void *data, size_t len)
{
    memcpy(out + at, data, len);
    return at + len;
}

size_t fixture_image(uint8_t *out, const char *version, uint32_t elf_size, unsigned seed)
{
    esp_image_header_t header = {
        .magic = ESP_IMAGE_HEADER_MAGIC, .segment_count = 2, .chip_id = IMAGE_CHIP_ID, .hash_appended = 1};
    esp_app_desc_t desc = {.magic_word = ESP_APP_DESC_MAGIC_WORD, .project_name = "test"};
    esp_image_segment_header_t drom = {0x3F400020, sizeof desc}, elf = {IMAGE_ELF_VADDR, elf_size};
    uint8_t checksum = 0xEF;
    struct sha256 sha;

    snprintf(desc.version, sizeof desc.version, "%s", version);
    size_t at = put(out, 0, &header, sizeof header);
    at = put(out, at, &drom, sizeof drom);
    size_t descriptor = at;
    at = put(out, at, &desc, sizeof desc);
    at = put(out, at, &elf, sizeof elf);
    size_t body = at;
    at = put(out, at, "\177ELF", 4);
    for (uint32_t i = 4; i < elf_size; i++) {
        seed = seed * 1103515245u + 12345u;
        out[at++] = (uint8_t)(seed >> 16);
    }
    for (size_t i = 0; i < sizeof desc; i++) {
        checksum ^= out[descriptor + i];
    }
    for (size_t i = body; i < at; i++) {
        checksum ^= out[i];
    }
    while (at % 16 != 15) {
        out[at++] = 0;
    }
    out[at++] = checksum;
    sha256_start(&sha);
    sha256_add(&sha, out, at);
    sha256_end(&sha, out + at);
    return at + 32;
}

void fixture_put_image(uint32_t addr, const char *version, uint32_t elf_size, unsigned seed)
{
    fixture_image(fixture_flash + addr, version, elf_size, seed);
}
