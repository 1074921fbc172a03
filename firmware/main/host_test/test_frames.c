/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A frame is a JPEG whose segments can be walked from SOI to EOI, it says its number and the CRC of what follows, has
 * the size that was asked for, and no two frames are alike.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "frame_source.h"
#include "test_pattern.h"

#include "expect.h"
#include "frame_check.h"

/* Walks the segments from @p at up to SOS, then the scan up to EOI, which must be the end. */
static void expect_picture(const uint8_t *data, size_t len, size_t at)
{
    static const uint8_t ORDER[] = {0xDB, 0xC0, 0xC4, 0xC4, 0xDA};
    size_t next = 0;
    while (next < sizeof(ORDER)) {
        EXPECT(at + 4 <= len && data[at] == 0xFF, "no marker at %zu", at);
        const uint8_t marker = data[at + 1];
        if (marker != 0xFE) {
            EXPECT(marker == ORDER[next], "marker %02x at %zu, expected %02x", marker, at, ORDER[next]);
            next++;
        }
        at += 2u + ((size_t)data[at + 2] << 8 | data[at + 3]);
    }
    while (at + 2 < len) {
        EXPECT(data[at] != 0xFF || data[at + 1] == 0, "marker %02x in the scan at %zu", data[at + 1], at);
        at += data[at] == 0xFF ? 2 : 1;
    }
    EXPECT(at + 2 == len && data[at] == 0xFF && data[at + 1] == 0xD9, "no EOI at the end");
}

static void frames_of(size_t bytes)
{
    frame_source_t *source;
    EXPECT(frame_source_open(bytes, &source) == ESP_OK, "%zu", bytes);
    uint32_t last_crc = 0;
    for (uint32_t seq = 0; seq < 100; seq++) {
        frame_t frame;
        EXPECT(frame_source_next(source, seq, &frame) == ESP_OK, "frame %u", (unsigned)seq);
        EXPECT(frame.len <= bytes && frame.len + 4 > bytes, "%zu bytes, asked for %zu", frame.len, bytes);
        expect_picture(frame.data, frame.len, 2);
        expect_numbered(&frame, seq);
        const uint32_t crc = crc32_by_bits(frame.data + TEXT_END, frame.len - TEXT_END);
        EXPECT(crc != last_crc, "frame %u is like the one before", (unsigned)seq);
        last_crc = crc;
        frame_source_release(source, &frame);
    }
    frame_source_close(source);
}

/* The longest picture there can be is bounded by its code lengths; that all that occur fit is tried. */
static void pictures_fit_and_move(void)
{
    static uint8_t picture[8 * TEST_PATTERN_MAX_BYTES];
    static uint8_t last[8 * TEST_PATTERN_MAX_BYTES];
    for (uint32_t seq = 0; seq < 1u << 20; seq += 7) {
        const size_t len = test_pattern_encode(seq, picture);
        EXPECT(len <= TEST_PATTERN_MAX_BYTES, "picture %u is %zu bytes long", (unsigned)seq, len);
        expect_picture(picture, len, 0);
        EXPECT(memcmp(picture, last, len) != 0, "picture %u is like the one before", (unsigned)seq);
        memcpy(last, picture, len);
    }
}

int main(void)
{
    pictures_fit_and_move();
    frames_of(1024);
    frames_of(4096);
    frames_of(32768);
    return 0;
}
