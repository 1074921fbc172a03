/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The stamp. The comment is the first segment, before all that a camera puts there: T.81 allows it anywhere between
 * SOI and SOF.
 */
#include "frame_stamp.h"

#include <stdio.h>
#include <string.h>

/* CRC-32 of ISO 3309, four bits at a time: 64 bytes of table. */
static uint32_t crc32(const uint8_t *data, size_t len)
{
    static const uint32_t TABLE[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        crc = (crc >> 4) ^ TABLE[crc & 15u];
        crc = (crc >> 4) ^ TABLE[crc & 15u];
    }
    return ~crc;
}

void frame_stamp(uint8_t *frame, uint32_t seq, size_t body_bytes)
{
    static const uint8_t START[] = {0xFF, 0xD8, 0xFF, 0xFE, 0, 2 + FRAME_STAMP_TEXT_BYTES};
    char text[FRAME_STAMP_TEXT_BYTES + 1];
    snprintf(text, sizeof(text), "hil seq=%010lu crc=%08lx", (unsigned long)seq,
             (unsigned long)crc32(frame + FRAME_STAMP_BYTES, body_bytes));
    memcpy(frame, START, sizeof(START));
    memcpy(frame + sizeof(START), text, FRAME_STAMP_TEXT_BYTES);
}
