/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The CRC routines of the chip's ROM. Each call takes the previous result, 0 at the start, and inverts on the way in
 * and out: esp_rom_crc32_le(0, ...) is the CRC-32 of zlib.
 */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

uint32_t esp_rom_crc32_le(uint32_t crc, uint8_t const *buf, uint32_t len);
uint16_t esp_rom_crc16_le(uint16_t crc, uint8_t const *buf, uint32_t len);
uint8_t esp_rom_crc8_le(uint8_t crc, uint8_t const *buf, uint32_t len);

#ifdef __cplusplus
}
#endif
