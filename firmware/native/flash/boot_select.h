/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the second-stage boot loader decides: which app slot runs. Partition table, otadata, rollback and the check of
 * the image, as ESP-IDF's boot loader with CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE. It writes otadata through flash.h
 * (NEW -> PENDING_VERIFY, PENDING_VERIFY -> ABORTED, a first entry where there was none), so that can be cut as well.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "esp_err.h"

#define BOOT_LOG_LINES 40

struct boot_choice {
    bool ok;                       /* false: nothing bootable; a chip would reset and try again for ever */
    uint32_t offset, size;         /* of the chosen partition, bytes */
    char label[17];                /* of the chosen partition, "" when none */
    char log[BOOT_LOG_LINES][128]; /* what the boot loader says, partition table included: the level's letter, a
                                     space, "tag: text". On the serial line: "I (31) boot: text" */
    int log_lines;
};

/** @return ESP_OK when a slot was chosen; ESP_ERR_NOT_FOUND when none is bootable; @p out is filled in either case. */
esp_err_t boot_select(struct boot_choice *out);
