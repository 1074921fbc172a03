/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The ROM's CRC routines, four bits at a time.
 */
#include "esp_rom_crc.h"

#define POLY32 0xEDB88320u /* CRC-32 of Ethernet, reflected */
#define POLY16 0x8408u     /* CRC-16-CCITT, reflected */
#define POLY8  0xE0u       /* CRC-8, reflected */

#define STEP(poly, v)   (((v)&1u) != 0 ? ((v) >> 1) ^ (poly) : (v) >> 1)
#define NIBBLE(poly, v) STEP(poly, STEP(poly, STEP(poly, STEP(poly, v))))
#define ROW(poly, v)    NIBBLE(poly, v), NIBBLE(poly, (v) + 1), NIBBLE(poly, (v) + 2), NIBBLE(poly, (v) + 3)
#define TABLE(poly)                                                 \
    {                                                               \
        ROW(poly, 0u), ROW(poly, 4u), ROW(poly, 8u), ROW(poly, 12u) \
    }

uint32_t esp_rom_crc32_le(uint32_t crc, uint8_t const *buf, uint32_t len)
{
    static const uint32_t table[16] = TABLE(POLY32);
    crc = ~crc;
    for (uint32_t i = 0; i < len; i++) {
        crc ^= buf[i];
        crc = (crc >> 4) ^ table[crc & 15u];
        crc = (crc >> 4) ^ table[crc & 15u];
    }
    return ~crc;
}

uint16_t esp_rom_crc16_le(uint16_t crc, uint8_t const *buf, uint32_t len)
{
    static const uint16_t table[16] = TABLE(POLY16);
    crc = (uint16_t)~crc;
    for (uint32_t i = 0; i < len; i++) {
        crc ^= buf[i];
        crc = (uint16_t)((crc >> 4) ^ table[crc & 15u]);
        crc = (uint16_t)((crc >> 4) ^ table[crc & 15u]);
    }
    return (uint16_t)~crc;
}

uint8_t esp_rom_crc8_le(uint8_t crc, uint8_t const *buf, uint32_t len)
{
    static const uint8_t table[16] = TABLE(POLY8);
    crc = (uint8_t)~crc;
    for (uint32_t i = 0; i < len; i++) {
        crc ^= buf[i];
        crc = (uint8_t)((crc >> 4) ^ table[crc & 15u]);
        crc = (uint8_t)((crc >> 4) ^ table[crc & 15u]);
    }
    return (uint8_t)~crc;
}
