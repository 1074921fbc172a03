/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The older names of the ROM's CRC routines.
 */
#pragma once

#include "esp_rom_crc.h"

#define esp_crc32_le esp_rom_crc32_le
#define esp_crc16_le esp_rom_crc16_le
#define esp_crc8_le  esp_rom_crc8_le
