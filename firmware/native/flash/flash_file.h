/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The flash chip itself, as a file, with a power cut on request. Only the supervisor links this.
 *
 * Every operation of the chip is counted here: one erased sector, one programmed page (at most 256 bytes within one
 * page). A longer erase or write is a row of them, so that a cut can fall between any two, or into any one.
 * Used from one thread alone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "flash.h"

#define FLASH_PAGE     256u          /* bytes; the unit that SPI NOR programs at once */
#define FLASH_MIN_SIZE (1024 * 1024) /* bytes */

/**
 * Opens @p path for the whole life of the board; flash_size(), flash_read() and the rest then work on it.
 *
 * Refused: a file that is missing, no multiple of FLASH_SECTOR, smaller than FLASH_MIN_SIZE, without the magic of a
 * partition table at 0x8000, or in use by another board.
 *
 * @param[out] why one line without line end: what is wrong and what to do, when the result is not ESP_OK
 */
esp_err_t flash_file_open(const char *path, char *why, size_t why_size);

/** Gives a descriptor for BOARD_FD_FLASH, opened read-only. Owned by this file; close-on-exec. */
int flash_file_fd_readonly(void);

/**
 * Cuts the power at the @p ops-th operation from now (1 = the very next).
 *
 * @param ops        0 or less: no cut is armed, and the power is back if it was cut
 * @param torn_bytes less than 0: the operation is not done at all. Else only as many of its bytes are (an erase too);
 *                   which ones flash_file_tear() says, the first ones without it
 * @param on_cut     called once, at the cut, before the operation returns; may be NULL
 *
 * From the cut on every read, write and erase fails with ESP_FAIL and is not counted, until this is called again.
 */
void flash_file_cut_after(long ops, long torn_bytes, void (*on_cut)(void));

/** What a torn operation has done when the power is gone. A chip promises nothing here, so each is possible. */
enum flash_tear {
    FLASH_TEAR_FIRST, /* its first torn_bytes, as a chip does that programs byte after byte */
    FLASH_TEAR_LAST,  /* its last torn_bytes */
    FLASH_TEAR_BITS,  /* every other bit of all its bytes: too short a pulse, whatever torn_bytes says */
    FLASH_TEAR_ZERO,  /* an erase has cleared the sector: chips program all bits before they erase. A write: as BITS */
};

/** How cuts from now on tear; FLASH_TEAR_FIRST at first. */
void flash_file_tear(enum flash_tear how);

/** Calls @p on_op before each operation from now on, also the one that is cut; NULL ends it. */
void flash_file_watch(void (*on_op)(uint32_t addr, size_t len, bool is_erase));

/** Number of operations since flash_file_open(), the cut one included. */
unsigned long flash_file_ops(void);

void flash_file_close(void);
