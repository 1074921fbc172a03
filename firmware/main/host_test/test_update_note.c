/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The note for update-only mode, on a real nvs in a flash file: taken once, by the image that wrote it, and whatever
 * happens to the power, never obeyed twice and never in pieces.
 */
#include <string.h>

#include "nvs.h"
#include "nvs_flash.h"

#include "trigger_counter.h"
#include "update_note.h"

#include "fixture.h"

#define VERSION "1.0.0"

static uint8_t s_before[NVS_SIZE];

static trigger_t order(void)
{
    trigger_t t = {.size = 123456, .counter = 42, .stop = STOP_GRACEFUL};
    strcpy(t.url, "https://10.0.2.2:8443/update.bin");
    strcpy(t.version, "1.1.0");
    memset(t.sha256, 0x5A, sizeof(t.sha256));
    return t;
}

static bool same(const trigger_t *a, const trigger_t *b)
{
    return strcmp(a->url, b->url) == 0 && strcmp(a->version, b->version) == 0 &&
           memcmp(a->sha256, b->sha256, sizeof(a->sha256)) == 0 && a->size == b->size && a->counter == b->counter &&
           a->stop == b->stop;
}

static void boot(void)
{
    nvs_flash_deinit();
    CHECK_EQ(nvs_flash_init(), ESP_OK);
}

/* Ends with the power being cut at the @p op-th flash operation, and the board started again. */
static void cut_power_at(long op, long torn)
{
    flash_file_cut_after(op, torn, NULL);
}

static void power_returns(void)
{
    flash_file_cut_after(0, 0, NULL);
    boot();
}

static void put_blob(const void *data, size_t len)
{
    nvs_handle_t nvs;
    CHECK_EQ(nvs_open("hil", NVS_READWRITE, &nvs), ESP_OK);
    CHECK_EQ(nvs_set_blob(nvs, "update_only", data, len), ESP_OK);
    CHECK_EQ(nvs_commit(nvs), ESP_OK);
    nvs_close(nvs);
}

static void it_is_taken_once(void)
{
    const trigger_t noted = order();
    trigger_t taken;
    CHECK(!update_note_take(VERSION, &taken));
    CHECK_EQ(update_note_store(&noted, VERSION), ESP_OK);
    boot();
    CHECK(update_note_take(VERSION, &taken));
    CHECK(same(&noted, &taken));
    CHECK(!update_note_take(VERSION, &taken));
    boot();
    CHECK(!update_note_take(VERSION, &taken));
}

static void another_image_drops_it(void)
{
    const trigger_t noted = order();
    trigger_t taken;
    CHECK_EQ(update_note_store(&noted, VERSION), ESP_OK);
    CHECK(!update_note_take("1.0.1", &taken));
    CHECK(!update_note_take(VERSION, &taken));
}

/* Whatever it was, it is gone at the next boot, too. */
static void check_dropped(void)
{
    trigger_t taken;
    nvs_handle_t nvs;
    size_t found = 0;
    CHECK(!update_note_take(VERSION, &taken));
    boot();
    CHECK_EQ(nvs_open("hil", NVS_READONLY, &nvs), ESP_OK);
    CHECK_EQ(nvs_get_blob(nvs, "update_only", NULL, &found), ESP_ERR_NVS_NOT_FOUND);
    nvs_close(nvs);
}

static void what_is_no_note_is_dropped(void)
{
    const uint8_t zeros[700] = {0};
    for (size_t len = 1; len <= sizeof(zeros); len += 9) {
        put_blob(zeros, len);
        check_dropped();
    }
}

/* A note that this image wrote, in another format, and with another length. */
static void other_formats_are_dropped(void)
{
    const trigger_t noted = order();
    uint8_t blob[700];
    size_t len = sizeof(blob);
    nvs_handle_t nvs;
    CHECK_EQ(update_note_store(&noted, VERSION), ESP_OK);
    CHECK_EQ(nvs_open("hil", NVS_READONLY, &nvs), ESP_OK);
    CHECK_EQ(nvs_get_blob(nvs, "update_only", blob, &len), ESP_OK);
    nvs_close(nvs);
    put_blob(blob, len - 1);
    check_dropped();
    put_blob(blob, len + 1);
    check_dropped();
    blob[0]++;
    put_blob(blob, len);
    check_dropped();
}

/* Cleared before it is handed out: a panic or a power cut in the attempt is followed by an ordinary boot. */
static void power_lost_in_the_attempt(void)
{
    const trigger_t noted = order();
    trigger_t taken;
    CHECK_EQ(update_note_store(&noted, VERSION), ESP_OK);
    boot();
    CHECK(update_note_take(VERSION, &taken));
    power_returns(); /* before anything of the attempt has happened */
    CHECK(!update_note_take(VERSION, &taken));
}

static void start_over(void)
{
    nvs_flash_deinit();
    memcpy(fixture_flash + NVS_ADDR, s_before, NVS_SIZE);
    boot();
}

/* What the rest of nvs holds survives every cut: the counter keeps old triggers from being obeyed. */
static void check_counter(void)
{
    uint64_t counter;
    CHECK_EQ(trigger_counter_load(&counter), ESP_OK);
    CHECK_EQ(counter, 42);
}

static void power_lost_while_storing(long torn)
{
    const trigger_t noted = order();
    bool cut = true;
    for (long op = 1; cut; op++) {
        snprintf(fixture_case, sizeof fixture_case, "storing, cut at %ld, torn %ld", op, torn);
        trigger_t taken;
        start_over();
        cut_power_at(op, torn);
        const esp_err_t stored = update_note_store(&noted, VERSION);
        cut = stored != ESP_OK;
        power_returns();
        const bool found = update_note_take(VERSION, &taken);
        CHECK(cut || found);
        CHECK(!found || same(&noted, &taken));
        CHECK(!update_note_take(VERSION, &taken));
        check_counter();
    }
}

static void power_lost_while_taking(long torn)
{
    const trigger_t noted = order();
    bool cut = true;
    long op = 1;
    for (; cut; op++) {
        snprintf(fixture_case, sizeof fixture_case, "taking, cut at %ld, torn %ld", op, torn);
        trigger_t taken;
        start_over();
        CHECK_EQ(update_note_store(&noted, VERSION), ESP_OK);
        cut_power_at(op, torn);
        const bool first = update_note_take(VERSION, &taken);
        cut = !first; /* the power went while it was cleared: it was not handed out */
        power_returns();
        const bool second = update_note_take(VERSION, &taken);
        CHECK(!(first && second));
        CHECK(!second || same(&noted, &taken));
        check_counter();
    }
    CHECK(op > 2); /* there was something to cut */
}

int main(int argc, char **argv)
{
    static const long TORN[] = {-1, 0, 1, 4, 17, 32, 100};
    CHECK(argc == 3);
    fixture_open(argv[1], argv[2]);
    boot();
    it_is_taken_once();
    another_image_drops_it();
    what_is_no_note_is_dropped();
    other_formats_are_dropped();
    power_lost_in_the_attempt();
    CHECK_EQ(trigger_counter_store(42), ESP_OK);
    memcpy(s_before, fixture_flash + NVS_ADDR, NVS_SIZE);
    for (size_t i = 0; i < sizeof TORN / sizeof TORN[0]; i++) {
        power_lost_while_storing(TORN[i]);
        power_lost_while_taking(TORN[i]);
    }
    return 0;
}
