/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * flash.h and flash_port.h on plain memory: the flash of a fuzzer.
 */
#pragma once

#include "flash.h"

#define FUZZ_FLASH_BYTES (256u * 1024)

/* Where the partitions lie that flash_stand_in_table() makes. */
#define FUZZ_NVS          0x9000u
#define FUZZ_OTADATA      0xE000u
#define FUZZ_PROVISIONING 0x10000u
#define FUZZ_NVS_BYTES    0x3000u
#define FUZZ_OTA_0        0x20000u
#define FUZZ_OTA_1        0x30000u
#define FUZZ_OTA_BYTES    0x10000u

extern uint8_t fuzz_flash[FUZZ_FLASH_BYTES];

/** The slot that the running program comes from. */
extern uint32_t fuzz_running_offset;

/** Times that the program asked for a restart. */
extern unsigned fuzz_restarts;

/** Erases the flash, forgets the partitions that were read from it, and writes a table of the partitions above. */
void fuzz_flash_reset(void);

/** Puts a small sound image into a slot. */
void fuzz_flash_put_image(uint32_t slot);
