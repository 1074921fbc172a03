/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The two otadata entries that say which app slot is active. Shared by the boot loader and esp_ota_*, which must agree.
 */
#pragma once

#include <stdbool.h>

#include "esp_flash_partitions.h"

/** Reads both entries of the otadata partition at flash address @p offset. */
esp_err_t otadata_read(uint32_t offset, esp_ota_select_entry_t two[2]);

/** Erases the sector of entry @p index (0 or 1) and writes it anew. A cut between the two leaves the other entry. */
esp_err_t otadata_write(uint32_t offset, int index, const esp_ota_select_entry_t *entry);

uint32_t otadata_crc(const esp_ota_select_entry_t *entry);

/** Empty, or its app was found bad (INVALID, ABORTED). The CRC is not looked at. */
bool otadata_invalid(const esp_ota_select_entry_t *entry);
bool otadata_valid(const esp_ota_select_entry_t *entry);

/** @return the index of the one with the larger (or smaller) sequence among those that are @p valid; -1 for none. */
int otadata_select(const esp_ota_select_entry_t two[2], const bool valid[2], bool larger);

/** @return the index of the entry that decides, -1 when neither is valid. */
int otadata_active(const esp_ota_select_entry_t two[2]);
