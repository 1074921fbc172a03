/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * All that partitions, OTA and nvs need of the rest of the board. Two implementations: flash_port.c on FreeRTOS and the
 * supervisor, and one for tests without either.
 */
#pragma once

#include <stdint.h>

enum flash_lock {
    FLASH_LOCK_PARTITIONS, /* guards the list of partitions while it is read */
    FLASH_LOCK_NVS,        /* guards all of nvs: stores, handles, pages */
    FLASH_LOCK_COUNT,
};

void flash_port_lock(enum flash_lock lock);
void flash_port_unlock(enum flash_lock lock);

/** A flash_log_fn: hands the line to esp_log. */
void flash_port_log(void *ctx, char level, const char *tag, const char *text);

/** Flash address of the slot this program was loaded from; 0 when it was not loaded from flash. */
uint32_t flash_port_running_offset(void);

void flash_port_restart(void);
