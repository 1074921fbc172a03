/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "scenario.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "contents.h"
#include "trigger_counter.h"
#include "update_note.h"

#define TABLE_END    0x9000u
#define OTA_0_OFFSET 0x20000u

static struct image images[2];
#define RELEASE (&images[0])
#define UPDATE  (&images[1])

static const struct cut NO_CUT;

/* A board as it leaves the factory: one image, nothing in otadata. */
static void prepare_new(void)
{
    memset(board_flash() + TABLE_END, 0xFF, BOARD_FLASH_BYTES - TABLE_END);
    memcpy(board_flash() + OTA_0_OFFSET, RELEASE->bytes, RELEASE->len);
    board_write_nvs(contents_write, NULL);
}

static void must_end(const struct life *life, enum life_end end, const struct image *runs)
{
    if (life->end != end || strcmp(life->version, runs->version) != 0) {
        sweep_failed("a scenario cannot be prepared: the board runs %s, end %d:\n%s", life->version, (int)life->end,
                     board_log());
    }
}

static void store_counter(void)
{
    if (trigger_counter_store(2) != ESP_OK) {
        _exit(1);
    }
}

static void store_note(void)
{
    const trigger_t noted = {.url = "http://10.0.2.2/", .version = "1.1.0", .size = 1, .counter = 1};
    if (update_note_store(&noted, "1.0.0") != ESP_OK) {
        _exit(1);
    }
}

/* Updated once, so that it runs in the other slot; the next counter finds no room in nvs. */
static void prepare_updated(void)
{
    const struct world world = {.served = UPDATE, .counter = 1};
    const struct writes writes = {.second = store_counter};

    prepare_new();
    must_end(board_live(&world, &NO_CUT, BOOTS_MAX), LIFE_SETTLED, UPDATE);
    board_write_nvs(contents_fill, &writes);
}

/* The note, which takes many entries, finds no room in nvs. */
static void prepare_for_note(void)
{
    const struct writes writes = {store_counter, store_note};

    prepare_new();
    board_write_nvs(contents_fill, &writes);
}

/* The update is in its slot and is named in otadata; it has never run. */
static void prepare_installed(void)
{
    const struct world world = {.served = UPDATE, .counter = 1};

    prepare_new();
    must_end(board_live(&world, &NO_CUT, 1), LIFE_RESTARTS, RELEASE);
}

static struct scenario rows[SCENARIOS] = {
    {
        .name = "first",
        .what = "the first update of a new board",
        .before = RELEASE,
        .after = UPDATE,
        .world = {.served = UPDATE, .counter = 1},
        .prepare = prepare_new,
    },
    {
        .name = "back",
        .what = "an update into the slot of an older image, nvs at the brim",
        .before = UPDATE,
        .after = RELEASE,
        .counter_before = 1,
        .world = {.served = RELEASE, .counter = 2},
        .prepare = prepare_updated,
    },
    {
        .name = "update-only",
        .what = "servers that cannot be stopped: noted, restarted, updated; nvs at the brim",
        .before = RELEASE,
        .after = UPDATE,
        .world = {.served = UPDATE, .counter = 1, .servers_stick = true},
        .prepare = prepare_for_note,
    },
    {
        .name = "rollback",
        .what = "a new image that fails its self-test",
        .before = RELEASE,
        .after = RELEASE,
        .counter_before = 1,
        .world = {.served = UPDATE},
        .prepare = prepare_installed,
    },
    {
        .name = "panic",
        .what = "a new image that panics at boot",
        .before = RELEASE,
        .after = RELEASE,
        .counter_before = 1,
        .world = {.served = UPDATE},
        .prepare = prepare_installed,
    },
};

void scenarios_load(const struct image *release, const struct image *update)
{
    images[0] = *release;
    images[1] = *update;
    for (unsigned i = 0; i < SCENARIOS; i++) {
        rows[i].other = rows[i].before == RELEASE ? UPDATE : RELEASE;
    }
    rows[3].world.rejected = UPDATE->version;
    rows[4].world.panicking = UPDATE->version;
}

const struct scenario *scenario(unsigned number)
{
    return &rows[number];
}
