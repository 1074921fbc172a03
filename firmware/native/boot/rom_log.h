/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a chip says on its serial line before the program speaks: boot ROM and second-stage boot loader.
 */
#pragma once

#include <stdint.h>

#include "board_link.h"
#include "boot_select.h"
#include "serial.h"

/** The boot ROM's line with the cause of the reset. */
void rom_log_reset(struct serial *serial, enum board_reset reason);

/** The boot loader's own lines and those of its choice; @p started_ms is when the board's time began. */
void rom_log_choice(struct serial *serial, const struct boot_choice *choice, int64_t started_ms);

/** One line of the boot loader, with its level and time. */
void rom_log_line(struct serial *serial, char level, int64_t started_ms, const char *text);

/** "POWERON" for BOARD_RESET_POWERON, as in ESP-IDF's ESP_RST_POWERON. */
const char *reset_name(enum board_reset reason);
