/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A power cut at every flash operation of a row of nvs writes, whole and torn, and again while the first cut is being
 * repaired. Afterwards each key has its old or its new value, and the store goes on working.
 */
#include <string.h>

#include "fixture.h"
#include "nvs.h"
#include "nvs_flash.h"

#define STEPS 7

static uint8_t before[NVS_SIZE], after_cut[NVS_SIZE];
static const long TORN[] = {-1, 0, 1, 2, 4, 5, 31, 33, 64, 100, 200, 4096};
#define TORN_COUNT (sizeof TORN / sizeof TORN[0])

static int fill; /* entries written before the steps, so that they cross a page's end at different places */
static uint8_t old_blob[3000], new_blob[3500];
static const char OLD_TEXT[] = "the old text, which takes three entries of thirty-two bytes";
static const char NEW_TEXT[] = "the new text, which takes three entries of 32 bytes as well";

/* One write a step; the values it changes are those that check() knows. @return steps that were done */
static int run_steps(nvs_handle_t h)
{
    return nvs_set_u32(h, "number", 2) != ESP_OK                          ? 0
           : nvs_set_str(h, "text", NEW_TEXT) != ESP_OK                   ? 1
           : nvs_set_blob(h, "blob", new_blob, sizeof new_blob) != ESP_OK ? 2
           : nvs_erase_key(h, "gone") != ESP_OK                           ? 3
           : nvs_set_u8(h, "fresh", 9) != ESP_OK                          ? 4
           : nvs_set_i64(h, "retyped", -5) != ESP_OK                      ? 5
           : nvs_set_blob(h, "blob", old_blob, sizeof old_blob) != ESP_OK ? 6
                                                                          : STEPS;
}

static bool number_is(nvs_handle_t h, uint32_t wanted)
{
    uint32_t v;

    return nvs_get_u32(h, "number", &v) == ESP_OK && v == wanted;
}

static bool text_is(nvs_handle_t h, const char *wanted)
{
    char text[100];
    size_t len = sizeof text;

    return nvs_get_str(h, "text", text, &len) == ESP_OK && strcmp(text, wanted) == 0;
}

static bool blob_is(nvs_handle_t h, const uint8_t *wanted, size_t size)
{
    uint8_t got[sizeof new_blob];
    size_t len = sizeof got;

    return nvs_get_blob(h, "blob", got, &len) == ESP_OK && len == size && memcmp(got, wanted, size) == 0;
}

static bool gone_is_there(nvs_handle_t h)
{
    uint16_t v;

    return nvs_get_u16(h, "gone", &v) == ESP_OK && v == 77;
}

static bool fresh_is_there(nvs_handle_t h)
{
    uint8_t v;

    return nvs_get_u8(h, "fresh", &v) == ESP_OK && v == 9;
}

static bool retyped_is_new(nvs_handle_t h)
{
    int64_t v;

    return nvs_get_i64(h, "retyped", &v) == ESP_OK && v == -5;
}

static bool retyped_is_old(nvs_handle_t h)
{
    char text[20];
    size_t len = sizeof text;

    return nvs_get_str(h, "retyped", text, &len) == ESP_OK && strcmp(text, "five") == 0;
}

/* Steps before the interrupted one are done, those behind it are not; the interrupted one is either. */
static void check(nvs_handle_t h, int done)
{
    uint32_t v;
    nvs_type_t type;

    CHECK(done > 0 || number_is(h, 1) || number_is(h, 2));
    CHECK(done <= 0 || number_is(h, 2));
    CHECK(done > 1 || text_is(h, OLD_TEXT) || (done == 1 && text_is(h, NEW_TEXT)));
    CHECK(done <= 1 || text_is(h, NEW_TEXT));
    bool old = blob_is(h, old_blob, sizeof old_blob), new = blob_is(h, new_blob, sizeof new_blob);
    CHECK(done < 2 ? old : done == 2 || done == 6 ? old || new : done == STEPS ? old : new);
    CHECK(done < 3 ? gone_is_there(h) : done == 3 || !gone_is_there(h));
    CHECK(done < 4 ? !fresh_is_there(h) : done == 4 || fresh_is_there(h));
    CHECK(done < 5 ? retyped_is_old(h) : done == 5 ? retyped_is_old(h) || retyped_is_new(h) : retyped_is_new(h));
    CHECK(!(retyped_is_old(h) && retyped_is_new(h)));
    CHECK(nvs_get_u32(h, "untouched", &v) == ESP_OK && v == 4711);
    for (int i = 0; i < fill; i += 36) {
        char key[16];
        snprintf(key, sizeof key, "fill%d", i);
        CHECK(nvs_get_u32(h, key, &v) == ESP_OK && v == (uint32_t)i);
    }
    CHECK(done == 4 || nvs_find_key(h, "fresh", &type) == (done < 4 ? ESP_ERR_NVS_NOT_FOUND : ESP_OK));
}

static nvs_handle_t start_nvs(void)
{
    nvs_handle_t h = 0;

    nvs_flash_deinit();
    if (nvs_flash_init() != ESP_OK || nvs_open("cut", NVS_READWRITE, &h) != ESP_OK) {
        return 0;
    }
    return h;
}

/* The store must not only be readable: the same steps go through now, at once or after one more start. */
static void check_goes_on(int done, bool once_more)
{
    nvs_handle_t h = start_nvs();
    CHECK(h != 0);
    check(h, done);
    if (once_more) {
        h = start_nvs();
        CHECK(h != 0);
        check(h, done);
    }
    nvs_set_u16(h, "gone", 77);
    CHECK_EQ(run_steps(h), STEPS);
    check(h, STEPS);
    h = start_nvs();
    CHECK(h != 0);
    check(h, STEPS);
}

static void prepare(void)
{
    nvs_flash_deinit();
    memset(fixture_flash + NVS_ADDR, 0xFF, NVS_SIZE);
    nvs_handle_t h = start_nvs();
    CHECK(h != 0);
    CHECK_EQ(nvs_set_u32(h, "untouched", 4711), ESP_OK);
    CHECK_EQ(nvs_set_u16(h, "gone", 77), ESP_OK);
    CHECK_EQ(nvs_set_str(h, "text", OLD_TEXT), ESP_OK);
    CHECK_EQ(nvs_set_str(h, "retyped", "five"), ESP_OK);
    CHECK_EQ(nvs_set_blob(h, "blob", old_blob, sizeof old_blob), ESP_OK);
    for (int i = 0; i < fill; i++) {
        char key[16];
        snprintf(key, sizeof key, "fill%d", i % 3 == 0 ? i : -1); /* a page is one third alive: there is what to copy */
        CHECK_EQ(nvs_set_u32(h, key, (uint32_t)i), ESP_OK);
    }
    CHECK_EQ(nvs_set_u32(h, "number", 1), ESP_OK);
    memcpy(before, fixture_flash + NVS_ADDR, NVS_SIZE);
}

static long count_ops(void)
{
    memcpy(fixture_flash + NVS_ADDR, before, NVS_SIZE);
    nvs_handle_t h = start_nvs();
    unsigned long ops = flash_file_ops();
    CHECK_EQ(run_steps(h), STEPS);
    return (long)(flash_file_ops() - ops);
}

/* @return steps done before the cut */
static int run_with_cut(long op, long torn)
{
    memcpy(fixture_flash + NVS_ADDR, before, NVS_SIZE);
    nvs_handle_t h = start_nvs();
    flash_file_cut_after(op, torn, NULL);
    int done = run_steps(h);
    memcpy(after_cut, fixture_flash + NVS_ADDR, NVS_SIZE);
    flash_file_cut_after(0, 0, NULL);
    return done;
}

/* Cuts the repair at its j-th operation. @return false when it has fewer */
static bool cut_repair(long j, long torn)
{
    memcpy(fixture_flash + NVS_ADDR, after_cut, NVS_SIZE);
    flash_file_cut_after(j, torn, NULL);
    unsigned long ops = flash_file_ops();
    start_nvs();
    flash_file_cut_after(0, 0, NULL);
    return (long)(flash_file_ops() - ops) >= j;
}

static void test_fill(void)
{
    fixture_case[0] = '\0';
    prepare();
    long ops = count_ops();
    CHECK(ops > 50);
    for (long op = 1; op <= ops; op++) {
        for (size_t t = 0; t < TORN_COUNT; t++) {
            snprintf(fixture_case, sizeof fixture_case, "fill %d, cut at %ld of %ld, torn %ld", fill, op, ops, TORN[t]);
            int done = run_with_cut(op, TORN[t]);
            CHECK(done < STEPS);
            check_goes_on(done, op % 2 == 0);
            if (t != (size_t)op % TORN_COUNT) {
                continue; /* one of the ways to tear it is enough for the second cut */
            }
            for (long j = 1; cut_repair(j, TORN[(t + (size_t)j) % TORN_COUNT]); j++) {
                snprintf(fixture_case, sizeof fixture_case, "fill %d, cut at %ld of %ld, torn %ld, repair cut at %ld",
                         fill, op, ops, TORN[t], j);
                check_goes_on(done, j % 2 == 0);
            }
        }
    }
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    fixture_open(argv[1], argv[2]);
    for (size_t i = 0; i < sizeof new_blob; i++) {
        new_blob[i] = i % 5 == 0 ? 0xFF : (uint8_t)(i * 31);
    }
    for (size_t i = 0; i < sizeof old_blob; i++) {
        old_blob[i] = i / 40 % 2 == 0 ? 0xFF : (uint8_t)(i * 17); /* whole entries that look empty */
    }
    static const int FILLS[] = {0, 340, 385};
    for (size_t i = 0; i < sizeof FILLS / sizeof FILLS[0]; i++) {
        fill = FILLS[i];
        test_fill();
    }
    return 0;
}
