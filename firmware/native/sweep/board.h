/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The board under the sweep: a flash in memory, and lives. A life is a row of boots; each boot is a process of its own
 * that starts with clean memory, runs the boot loader and then the firmware's own app_main(), and ends with a restart,
 * a power cut or, when the app has nothing left to do, by itself.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flash_file.h"

#define BOARD_FLASH_BYTES (BOARD_FLASH_MB * 1024u * 1024)
#define BOOTS_MAX         8 /* of one life: an update takes two, a rollback three; more is a board that never settles */

/** An app image as it is served. */
struct image {
    uint8_t *bytes;
    size_t len;
    uint8_t sha256[32];
    char version[32];
};

/** What is around the board during a life. */
struct world {
    const struct image *served; /* what the image server has */
    uint64_t counter;           /* of the trigger that names it; 0: nobody sends one */
    bool servers_stick;         /* a handler does not end: the update is noted, and made after a restart */
    const char *rejected;       /* the version that never reaches the broker, so that it fails its self-test */
    const char *panicking;      /* the version that panics at boot */
};

/** Where the power goes. */
struct cut {
    long op;         /* the how manieth operation of the life, from 1; 0: the power stays */
    long torn_bytes; /* less than 0: that operation is not done at all */
    enum flash_tear tear;
};

struct flash_op {
    uint32_t addr, len;
    bool is_erase;
};

enum life_end {
    LIFE_RESTARTS, /* the app asked for a restart, or panicked where the world wants it to */
    LIFE_SETTLED,  /* serves, and waits for a trigger */
    LIFE_CUT,
    LIFE_NOTHING_BOOTS,
    LIFE_DIED,    /* crashed, hung, or ended in ESP_ERROR_CHECK */
    LIFE_ENDLESS, /* restarts again and again */
};

/** How a life went. In memory that the boots' processes share. */
struct life {
    enum life_end end;
    unsigned boots;
    unsigned long ops;
    struct flash_op last_op;
    uint32_t running; /* flash address of the slot that booted last */
    char version[32]; /* of the image in it */
    bool misled;      /* otadata named a slot whose image is not whole, and the boot loader had to look elsewhere */
    bool trigger_sent;
    bool trigger_accepted;
    unsigned long accepted_after_ops;
    /* Of a settled life. */
    bool confirmed;   /* the running image is not on probation */
    uint64_t counter; /* what nvs has */
    bool nvs_whole;   /* what others keep in nvs is there */
};

/** Where and why of something that should not be; printf. Ends the sweep with the exit code for a sweep that failed. */
void sweep_failed(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/** Memory that is shared with all processes made later, zeroed. */
void *board_shared(size_t size);

/** Makes the flash: erased but for the partition table. Once a process that plays boards. */
void board_open(const uint8_t *table, size_t len);

/** All of the flash, writable past all rules. */
uint8_t *board_flash(void);

/** What the lives since the last call printed; the text stays until the next call. */
const char *board_log(void);

/** Runs boots, at most @p boots of them, until the life ends. The result stays until the next call. */
const struct life *board_live(const struct world *world, const struct cut *cut, unsigned boots);

/** Calls @p on_op before each flash operation of later lives, with the number it has in its life; NULL ends it. */
void board_watch(void (*on_op)(unsigned long number, const struct flash_op *op));

/** Runs @p write in a process with nvs ready, as a program would that writes to the board's flash. */
void board_write_nvs(void (*write)(const void *arg), const void *arg);
