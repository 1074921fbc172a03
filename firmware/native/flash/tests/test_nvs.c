/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * nvs as an app uses it: every type, limits, garbage collection, and a long random row of writes against a model.
 */
#define _GNU_SOURCE /* memmem */
#include <string.h>

#include "fixture.h"
#include "nvs.h"
#include "nvs_flash.h"

static void fresh_nvs(void)
{
    nvs_flash_deinit();
    memset(fixture_flash + NVS_ADDR, 0xFF, NVS_SIZE);
    CHECK_EQ(nvs_flash_init(), ESP_OK);
}

static nvs_handle_t open_ns(const char *name, nvs_open_mode_t mode)
{
    nvs_handle_t handle;

    CHECK_EQ(nvs_open(name, mode, &handle), ESP_OK);
    return handle;
}

static void restart(void)
{
    nvs_flash_deinit();
    CHECK_EQ(nvs_flash_init(), ESP_OK);
}

static void test_types(void)
{
    nvs_handle_t h;
    int8_t i8;
    uint8_t u8;
    int16_t i16;
    uint16_t u16;
    int32_t i32;
    uint32_t u32;
    int64_t i64;
    uint64_t u64;
    char text[64];
    size_t len;
    nvs_type_t type;

    fresh_nvs();
    h = open_ns("types", NVS_READWRITE);
    CHECK_EQ(nvs_set_i8(h, "i8", -8), ESP_OK);
    CHECK_EQ(nvs_set_u8(h, "u8", 200), ESP_OK);
    CHECK_EQ(nvs_set_i16(h, "i16", -1600), ESP_OK);
    CHECK_EQ(nvs_set_u16(h, "u16", 60000), ESP_OK);
    CHECK_EQ(nvs_set_i32(h, "i32", -320000), ESP_OK);
    CHECK_EQ(nvs_set_u32(h, "u32", 4000000000u), ESP_OK);
    CHECK_EQ(nvs_set_i64(h, "i64", -1), ESP_OK);
    CHECK_EQ(nvs_set_u64(h, "u64", UINT64_MAX), ESP_OK);
    CHECK_EQ(nvs_set_str(h, "str", "mqtt://10.0.2.2:1883 and more than one entry"), ESP_OK);
    CHECK_EQ(nvs_set_str(h, "empty", ""), ESP_OK);
    CHECK_EQ(nvs_set_blob(h, "blob", "\0\1\2", 3), ESP_OK);
    CHECK_EQ(nvs_set_blob(h, "noblob", "", 0), ESP_OK);
    CHECK_EQ(nvs_commit(h), ESP_OK);
    restart();
    CHECK_EQ(nvs_commit(h), ESP_ERR_NVS_INVALID_HANDLE);
    h = open_ns("types", NVS_READONLY);
    CHECK(nvs_get_i8(h, "i8", &i8) == ESP_OK && i8 == -8);
    CHECK(nvs_get_u8(h, "u8", &u8) == ESP_OK && u8 == 200);
    CHECK(nvs_get_i16(h, "i16", &i16) == ESP_OK && i16 == -1600);
    CHECK(nvs_get_u16(h, "u16", &u16) == ESP_OK && u16 == 60000);
    CHECK(nvs_get_i32(h, "i32", &i32) == ESP_OK && i32 == -320000);
    CHECK(nvs_get_u32(h, "u32", &u32) == ESP_OK && u32 == 4000000000u);
    CHECK(nvs_get_i64(h, "i64", &i64) == ESP_OK && i64 == -1);
    CHECK(nvs_get_u64(h, "u64", &u64) == ESP_OK && u64 == UINT64_MAX);
    len = sizeof text;
    CHECK(nvs_get_str(h, "str", text, &len) == ESP_OK && len == 45);
    CHECK(strcmp(text, "mqtt://10.0.2.2:1883 and more than one entry") == 0);
    CHECK(nvs_get_str(h, "str", NULL, &len) == ESP_OK && len == 45);
    len = 44;
    CHECK(nvs_get_str(h, "str", text, &len) == ESP_ERR_NVS_INVALID_LENGTH && len == 45);
    len = 1;
    CHECK(nvs_get_str(h, "empty", text, &len) == ESP_OK && len == 1 && text[0] == '\0');
    len = sizeof text;
    CHECK(nvs_get_blob(h, "blob", text, &len) == ESP_OK && len == 3 && memcmp(text, "\0\1\2", 3) == 0);
    len = sizeof text;
    CHECK(nvs_get_blob(h, "noblob", text, &len) == ESP_OK && len == 0);

    CHECK_EQ(nvs_get_u16(h, "u8", &u16), ESP_ERR_NVS_NOT_FOUND);
    CHECK_EQ(nvs_get_u8(h, "nothing", &u8), ESP_ERR_NVS_NOT_FOUND);
    CHECK_EQ(nvs_get_str(h, "blob", text, &len), ESP_ERR_NVS_NOT_FOUND);
    CHECK_EQ(nvs_set_u8(h, "u8", 1), ESP_ERR_NVS_READ_ONLY);
    CHECK_EQ(nvs_erase_key(h, "u8"), ESP_ERR_NVS_READ_ONLY);
    CHECK(nvs_find_key(h, "blob", &type) == ESP_OK && type == NVS_TYPE_BLOB);
    CHECK(nvs_find_key(h, "i16", &type) == ESP_OK && type == NVS_TYPE_I16);
    nvs_close(h);
    CHECK_EQ(nvs_get_u8(h, "u8", &u8), ESP_ERR_NVS_INVALID_HANDLE);
}

static void test_namespaces_and_limits(void)
{
    static char big[4001];
    nvs_handle_t a, b, none;
    uint8_t v;
    nvs_stats_t stats;
    size_t used;

    nvs_flash_deinit();
    CHECK_EQ(nvs_open("a", NVS_READWRITE, &a), ESP_ERR_NVS_NOT_INITIALIZED);
    fresh_nvs();
    CHECK_EQ(nvs_open("a", NVS_READONLY, &none), ESP_ERR_NVS_NOT_FOUND);
    CHECK_EQ(nvs_open("a_name_too_long_", NVS_READWRITE, &none), ESP_ERR_NVS_KEY_TOO_LONG);
    CHECK_EQ(nvs_open_from_partition("other", "a", NVS_READWRITE, &none), ESP_ERR_NVS_PART_NOT_FOUND);
    CHECK_EQ(nvs_flash_init_partition("other"), ESP_ERR_NOT_FOUND);
    a = open_ns("a", NVS_READWRITE);
    b = open_ns("b", NVS_READWRITE);
    CHECK_EQ(nvs_set_u8(a, "key", 1), ESP_OK);
    CHECK_EQ(nvs_set_u8(b, "key", 2), ESP_OK);
    CHECK(nvs_get_u8(a, "key", &v) == ESP_OK && v == 1);
    CHECK(nvs_get_u8(b, "key", &v) == ESP_OK && v == 2);
    CHECK_EQ(nvs_set_u8(a, "a_key_too_long__", 1), ESP_ERR_NVS_KEY_TOO_LONG);
    CHECK_EQ(nvs_set_u8(a, "a_key_just_fits", 1), ESP_OK);
    CHECK_EQ(nvs_erase_key(a, "key"), ESP_OK);
    CHECK_EQ(nvs_erase_key(a, "key"), ESP_ERR_NVS_NOT_FOUND);
    CHECK(nvs_get_u8(b, "key", &v) == ESP_OK && v == 2);
    CHECK_EQ(nvs_erase_all(b), ESP_OK);
    CHECK_EQ(nvs_get_u8(b, "key", &v), ESP_ERR_NVS_NOT_FOUND);
    CHECK(nvs_get_u8(a, "a_key_just_fits", &v) == ESP_OK && v == 1);

    CHECK_EQ(nvs_set_u8(a, "key", 7), ESP_OK); /* another type takes the place of the first */
    CHECK_EQ(nvs_set_u32(a, "key", 70000), ESP_OK);
    CHECK_EQ(nvs_get_u8(a, "key", &v), ESP_ERR_NVS_NOT_FOUND);
    CHECK_EQ(nvs_set_blob(a, "key", big, 100), ESP_OK);
    CHECK_EQ(nvs_set_str(a, "key", "text"), ESP_OK);
    CHECK(nvs_get_used_entry_count(a, &used) == ESP_OK && used == 1 + 2);

    memset(big, 'x', 4000);
    CHECK_EQ(nvs_set_str(a, "big", big), ESP_ERR_NVS_VALUE_TOO_LONG);
    big[3999] = '\0';
    CHECK_EQ(nvs_set_str(a, "big", big), ESP_OK);
    CHECK(nvs_get_stats(NULL, &stats) == ESP_OK && stats.total_entries == 5 * 126 && stats.namespace_count == 2);
    CHECK_EQ(stats.used_entries, 2 + 1 + 2 + 126);
    CHECK_EQ(stats.available_entries, stats.total_entries - stats.used_entries - 126);
    CHECK_EQ(nvs_flash_erase(), ESP_OK);
    CHECK_EQ(nvs_open("a", NVS_READWRITE, &a), ESP_ERR_NVS_NOT_INITIALIZED);
}

/* The same value again costs no write; many values collect garbage and none is lost. */
static void test_garbage_collection(void)
{
    nvs_handle_t h;
    uint32_t v;

    fresh_nvs();
    h = open_ns("gc", NVS_READWRITE);
    CHECK_EQ(nvs_set_u32(h, "fixed", 12345), ESP_OK);
    unsigned long before = flash_file_ops();
    CHECK_EQ(nvs_set_u32(h, "fixed", 12345), ESP_OK);
    CHECK_EQ(flash_file_ops(), before);
    for (uint32_t i = 0; i < 3000; i++) {
        CHECK_EQ(nvs_set_u32(h, "counter", i), ESP_OK);
    }
    CHECK(nvs_get_u32(h, "counter", &v) == ESP_OK && v == 2999);
    CHECK(nvs_get_u32(h, "fixed", &v) == ESP_OK && v == 12345);
    restart();
    h = open_ns("gc", NVS_READWRITE);
    CHECK(nvs_get_u32(h, "counter", &v) == ESP_OK && v == 2999);
    CHECK(nvs_get_u32(h, "fixed", &v) == ESP_OK && v == 12345);

    esp_err_t err = ESP_OK;
    char key[16];
    uint32_t n = 0;
    for (; n < 1000 && err == ESP_OK; n++) { /* until it is full */
        snprintf(key, sizeof key, "k%u", n);
        err = nvs_set_u32(h, key, n);
    }
    CHECK_EQ(err, ESP_ERR_NVS_NOT_ENOUGH_SPACE);
    CHECK(n - 1 >= 4 * 126 - 4); /* all but the spare page */
    restart();
    h = open_ns("gc", NVS_READWRITE);
    for (uint32_t i = 0; i < n - 1; i++) {
        snprintf(key, sizeof key, "k%u", i);
        CHECK(nvs_get_u32(h, key, &v) == ESP_OK && v == i);
    }
    CHECK_EQ(nvs_erase_key(h, "k0"), ESP_OK);
    CHECK_EQ(nvs_set_u32(h, "again", 1), ESP_OK);
}

static void test_large_blobs(void)
{
    static uint8_t data[17000], got[17000];
    nvs_handle_t h;
    size_t len;

    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 7 + i / 256);
    }
    fresh_nvs();
    h = open_ns("blobs", NVS_READWRITE);
    CHECK_EQ(nvs_set_blob(h, "b", data, 17000), ESP_ERR_NVS_VALUE_TOO_LONG);
    CHECK_EQ(nvs_set_blob(h, "b", data, 7000), ESP_OK);
    CHECK_EQ(nvs_set_u8(h, "small", 1), ESP_OK);
    for (size_t size = 6900; size > 6000; size -= 50) {
        snprintf(fixture_case, sizeof fixture_case, "blob of %zu bytes", size);
        CHECK_EQ(nvs_set_blob(h, "b", data + size % 50, size), ESP_OK);
        restart();
        h = open_ns("blobs", NVS_READWRITE);
        len = sizeof got;
        CHECK(nvs_get_blob(h, "b", got, &len) == ESP_OK && len == size);
        CHECK(memcmp(got, data + size % 50, size) == 0);
    }
    unsigned long before = flash_file_ops();
    CHECK_EQ(nvs_set_blob(h, "b", got, len), ESP_OK); /* the same again */
    CHECK_EQ(flash_file_ops(), before);
    CHECK_EQ(nvs_set_blob(h, "b", data, 15000), ESP_ERR_NVS_NOT_ENOUGH_SPACE); /* and the old one stays */
    size_t old = len;
    len = sizeof got;
    CHECK(nvs_get_blob(h, "b", got, &len) == ESP_OK && len == old);
    CHECK_EQ(nvs_erase_key(h, "b"), ESP_OK);
    CHECK(nvs_get_used_entry_count(h, &len) == ESP_OK && len == 1);
    fixture_case[0] = '\0';
}

#define KEYS     12u
#define MAX_SIZE 900u

/* Random writes, erasures and restarts; a model in memory says what must be there. */
static void test_against_model(unsigned seed)
{
    static uint8_t model[KEYS][MAX_SIZE], got[MAX_SIZE];
    size_t size[KEYS];
    bool there[KEYS] = {false};
    nvs_handle_t h;
    char key[16];

    fresh_nvs();
    srand(seed);
    h = open_ns("model", NVS_READWRITE);
    for (int step = 0; step < 4000; step++) {
        unsigned k = (unsigned)rand() % KEYS;
        snprintf(key, sizeof key, "key%u", k);
        snprintf(fixture_case, sizeof fixture_case, "seed %u, step %d, %s", seed, step, key);
        switch (rand() % 10) {
        case 0:
            CHECK_EQ(nvs_erase_key(h, key), there[k] ? ESP_OK : ESP_ERR_NVS_NOT_FOUND);
            there[k] = false;
            break;
        case 1:
            restart();
            h = open_ns("model", NVS_READWRITE);
            break;
        default:
            there[k] = true;
            size[k] = (unsigned)rand() % (rand() % 4 == 0 ? MAX_SIZE : 64);
            for (size_t i = 0; i < size[k]; i++) {
                model[k][i] = rand() % 3 == 0 ? 0xFF : (uint8_t)rand();
            }
            CHECK_EQ(nvs_set_blob(h, key, model[k], size[k]), ESP_OK);
        }
        for (k = 0; k < KEYS; k++) {
            size_t len = sizeof got;
            snprintf(key, sizeof key, "key%u", k);
            esp_err_t err = nvs_get_blob(h, key, got, &len);
            CHECK_EQ(err, there[k] ? ESP_OK : ESP_ERR_NVS_NOT_FOUND);
            CHECK(!there[k] || (len == size[k] && memcmp(got, model[k], len) == 0));
        }
    }
    fixture_case[0] = '\0';
}

static uint8_t *find_bytes(const char *text)
{
    uint8_t *at = memmem(fixture_flash + NVS_ADDR, NVS_SIZE, text, strlen(text));

    CHECK(at);
    return at;
}

/* Bits that flipped: the item is gone, its neighbours are not. */
static void test_flipped_bits(void)
{
    char got[100];
    size_t len = sizeof got;
    nvs_type_t type;
    nvs_handle_t h;

    fresh_nvs();
    h = open_ns("bits", NVS_READWRITE);
    CHECK_EQ(nvs_set_str(h, "text", "a text of more than one entry of bytes"), ESP_OK);
    CHECK_EQ(nvs_set_blob(h, "blob", "a blob", 6), ESP_OK);
    CHECK_EQ(nvs_set_blob(h, "other", "another", 7), ESP_OK);

    *find_bytes("a text of") ^= 1; /* seen by the CRC of the data */
    CHECK_EQ(nvs_get_str(h, "text", got, &len), ESP_ERR_NVS_NOT_FOUND);

    find_bytes("blob")[-1] ^= 1; /* the CRC of the piece itself: an index without pieces stays */
    restart();
    h = open_ns("bits", NVS_READWRITE);
    CHECK_EQ(nvs_find_key(h, "blob", &type), ESP_ERR_NVS_NOT_FOUND);
    len = sizeof got;
    CHECK(nvs_get_blob(h, "other", got, &len) == ESP_OK && len == 7 && memcmp(got, "another", 7) == 0);
    CHECK_EQ(nvs_set_blob(h, "blob", "a new blob", 10), ESP_OK);
    len = sizeof got;
    CHECK(nvs_get_blob(h, "blob", got, &len) == ESP_OK && len == 10);
}

/* A partition whose pages are all in use cannot be written; one of the future cannot be read. */
static void test_unusable(void)
{
    nvs_handle_t h;

    fresh_nvs();
    h = open_ns("x", NVS_READWRITE);
    CHECK_EQ(nvs_set_u8(h, "x", 1), ESP_OK);
    nvs_flash_deinit();
    for (uint32_t page = 1; page < 5; page++) {
        memcpy(fixture_flash + NVS_ADDR + page * FLASH_SECTOR, fixture_flash + NVS_ADDR, FLASH_SECTOR);
    }
    CHECK_EQ(nvs_flash_init(), ESP_ERR_NVS_NO_FREE_PAGES);
    CHECK_EQ(nvs_flash_erase(), ESP_OK);
    CHECK_EQ(nvs_flash_init(), ESP_OK);
    h = open_ns("x", NVS_READWRITE);
    CHECK_EQ(nvs_set_u8(h, "x", 1), ESP_OK);
    nvs_flash_deinit();
    static const uint8_t future[] = {0xFE, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0xFD};
    memcpy(fixture_flash + NVS_ADDR, future, sizeof future);
    uint32_t crc = 0x1613604E; /* of sequence 0, version 0xFD, as zlib.crc32(data, 0xFFFFFFFF) gives it */
    memcpy(fixture_flash + NVS_ADDR + 28, &crc, sizeof crc);
    CHECK_EQ(nvs_flash_init(), ESP_ERR_NVS_NEW_VERSION_FOUND);
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    fixture_open(argv[1], argv[2]);
    test_types();
    test_namespaces_and_limits();
    test_garbage_collection();
    test_large_blobs();
    for (unsigned seed = 1; seed <= 5; seed++) {
        test_against_model(seed);
    }
    test_flipped_bits();
    test_unusable();
    return 0;
}
