/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * nvs for the interoperability test: reads a partition that another tool wrote, writes one that another tool reads.
 *
 *   nvs_dump FLASH TABLE read IN     prints "key type value" of namespace hil in the partition image IN
 *   nvs_dump FLASH TABLE write OUT   writes the same items with nvs and saves the partition image OUT
 */
#include <string.h>

#include "fixture.h"
#include "nvs.h"
#include "nvs_flash.h"

static uint8_t value[16000];

static void print_bytes(const char *key, const char *type, size_t len)
{
    printf("%s %s ", key, type);
    for (size_t i = 0; i < len; i++) {
        printf("%02x", value[i]);
    }
    printf("\n");
}

static void read_all(void)
{
    nvs_handle_t h;
    size_t len;
    uint8_t u8;
    int8_t i8;
    uint16_t u16;
    uint32_t u32;
    int32_t i32;
    uint64_t u64;
    int64_t i64;

    CHECK_EQ(nvs_open("hil", NVS_READONLY, &h), ESP_OK);
    CHECK_EQ(nvs_get_u8(h, "u8", &u8), ESP_OK);
    CHECK_EQ(nvs_get_i8(h, "i8", &i8), ESP_OK);
    CHECK_EQ(nvs_get_u16(h, "u16", &u16), ESP_OK);
    CHECK_EQ(nvs_get_u32(h, "u32", &u32), ESP_OK);
    CHECK_EQ(nvs_get_i32(h, "i32", &i32), ESP_OK);
    CHECK_EQ(nvs_get_u64(h, "u64", &u64), ESP_OK);
    CHECK_EQ(nvs_get_i64(h, "i64", &i64), ESP_OK);
    printf(
        "u8 number %u\ni8 number %d\nu16 number %u\nu32 number %u\ni32 number %d\nu64 number %llu\ni64 number %lld\n",
        u8, i8, u16, u32, i32, (unsigned long long)u64, (long long)i64);
    static const char *const TEXTS[] = {"text", "long_text"};
    for (size_t i = 0; i < 2; i++) {
        len = sizeof value;
        CHECK_EQ(nvs_get_str(h, TEXTS[i], (char *)value, &len), ESP_OK);
        print_bytes(TEXTS[i], "str", len);
    }
    static const char *const BLOBS[] = {"blob", "large_blob"};
    for (size_t i = 0; i < 2; i++) {
        len = sizeof value;
        CHECK_EQ(nvs_get_blob(h, BLOBS[i], value, &len), ESP_OK);
        print_bytes(BLOBS[i], "blob", len);
    }
}

/* Overwrites some items first, so that the image has erased entries and a collected page too. */
static void write_all(void)
{
    static char text[1500];
    nvs_handle_t h;

    CHECK_EQ(nvs_open("other", NVS_READWRITE, &h), ESP_OK);
    CHECK_EQ(nvs_set_u8(h, "u8", 1), ESP_OK);
    CHECK_EQ(nvs_open("hil", NVS_READWRITE, &h), ESP_OK);
    CHECK_EQ(nvs_set_u8(h, "u8", 250), ESP_OK);
    CHECK_EQ(nvs_set_i8(h, "i8", -100), ESP_OK);
    CHECK_EQ(nvs_set_u16(h, "u16", 65000), ESP_OK);
    for (uint32_t i = 0; i < 1500; i++) {
        CHECK_EQ(nvs_set_u32(h, "u32", i), ESP_OK);
    }
    CHECK_EQ(nvs_set_u32(h, "u32", 4123456789u), ESP_OK);
    CHECK_EQ(nvs_set_i32(h, "i32", -2000000000), ESP_OK);
    CHECK_EQ(nvs_set_u64(h, "u64", 18000000000000000000ull), ESP_OK);
    CHECK_EQ(nvs_set_i64(h, "i64", -9000000000000000000ll), ESP_OK);
    CHECK_EQ(nvs_set_str(h, "text", "mqtt://10.0.2.2:1883"), ESP_OK);
    memset(text, 'x', sizeof text - 1);
    CHECK_EQ(nvs_set_str(h, "long_text", text), ESP_OK);
    CHECK_EQ(nvs_set_blob(h, "blob", "\x00\xff\x10\x20", 4), ESP_OK);
    for (unsigned round = 0; round < 2; round++) {
        for (size_t i = 0; i < 5000; i++) {
            value[i] = (uint8_t)(i * 13 + round);
        }
        CHECK_EQ(nvs_set_blob(h, "large_blob", value, 5000), ESP_OK);
    }
}

int main(int argc, char **argv)
{
    CHECK(argc == 5);
    bool reads = strcmp(argv[3], "read") == 0;
    fixture_open(argv[1], argv[2]);
    FILE *f = fopen(argv[4], reads ? "rb" : "wb");
    CHECK(f);
    if (reads) {
        CHECK_EQ(fread(fixture_flash + NVS_ADDR, 1, NVS_SIZE, f), NVS_SIZE);
        CHECK_EQ(nvs_flash_init(), ESP_OK);
        read_all();
    } else {
        CHECK_EQ(nvs_flash_init(), ESP_OK);
        write_all();
        CHECK_EQ(fwrite(fixture_flash + NVS_ADDR, 1, NVS_SIZE, f), NVS_SIZE);
    }
    fclose(f);
    return 0;
}
