/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What every frame must be, found out in another way than it is made.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "frame_source.h"

#include "expect.h"

#define TEXT_AT  6u
#define TEXT_END 37u

static inline uint32_t crc32_by_bits(const uint8_t *data, size_t len)
{
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1u) != 0 ? 0xEDB88320u : 0u);
        }
    }
    return ~crc;
}

/* SOI, then a comment of 31 characters with the frame's number and the CRC of all that follows. */
static inline void expect_numbered(const frame_t *f, uint32_t seq)
{
    static const uint8_t START[TEXT_AT] = {0xFF, 0xD8, 0xFF, 0xFE, 0, TEXT_END - TEXT_AT + 2};
    char text[TEXT_END - TEXT_AT + 1];
    char expected[TEXT_END - TEXT_AT + 1];
    EXPECT(f->len > TEXT_END && memcmp(f->data, START, sizeof(START)) == 0, "no comment behind SOI");
    memcpy(text, f->data + TEXT_AT, sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    snprintf(expected, sizeof(expected), "hil seq=%010u crc=%08x", (unsigned)seq,
             (unsigned)crc32_by_bits(f->data + TEXT_END, f->len - TEXT_END));
    EXPECT(strcmp(text, expected) == 0, "'%s', expected '%s'", text, expected);
}
