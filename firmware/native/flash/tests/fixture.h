/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A flash file for a test: the project's partition table, app images made here, and a look behind flash.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "flash_file.h"

#define FIXTURE_SIZE (4u * 1024 * 1024)

/* Of firmware/partitions.csv. */
#define NVS_ADDR     0x9000u
#define NVS_SIZE     0x5000u
#define OTADATA_ADDR 0xE000u
#define OTA_0_ADDR   0x20000u
#define OTA_1_ADDR   0x200000u
#define OTA_SIZE     0x1E0000u

/** What is in the flash, writable past all rules. */
extern uint8_t *fixture_flash;

/** Lines that went to the log since fixture_clear_log(), each ended by '\n'. */
extern char fixture_log[8192];
void fixture_clear_log(void);

/** Slot that the "running program" comes from. */
extern uint32_t fixture_running_offset;

/** Times that esp_restart() was called. */
extern int fixture_restarts;

/** Makes the flash file @p path (overwritten) with the table in the file @p table, and opens it. */
void fixture_open(const char *path, const char *table);

/**
 * Makes an app image: descriptor with @p version, @p elf_size bytes of ELF filled from @p seed.
 *
 * @return its length; @p out has room for it (elf_size + 1 KB)
 */
size_t fixture_image(uint8_t *out, const char *version, uint32_t elf_size, unsigned seed);

/** Puts an image straight into the flash. */
void fixture_put_image(uint32_t addr, const char *version, uint32_t elf_size, unsigned seed);

#define CHECK(condition)                                                                          \
    do {                                                                                          \
        if (!(condition)) {                                                                       \
            fprintf(stderr, "%s:%d: %s: not so: %s\n", __FILE__, __LINE__, __func__, #condition); \
            fixture_fail();                                                                       \
        }                                                                                         \
    } while (0)

#define CHECK_EQ(got, wanted)                                                                                       \
    do {                                                                                                            \
        long long got_ = (long long)(got), wanted_ = (long long)(wanted);                                           \
        if (got_ != wanted_) {                                                                                      \
            fprintf(stderr, "%s:%d: %s: %s is %lld (0x%llx), wanted %lld (0x%llx)\n", __FILE__, __LINE__, __func__, \
                    #got, got_, (unsigned long long)got_, wanted_, (unsigned long long)wanted_);                    \
            fixture_fail();                                                                                         \
        }                                                                                                           \
    } while (0)

/** Said before the test ends at a failure; set it in loops. */
extern char fixture_case[200];
void fixture_fail(void) __attribute__((noreturn));
