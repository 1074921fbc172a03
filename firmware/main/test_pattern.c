/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A baseline JPEG encoder (ITU-T T.81) for pictures whose 8x8 blocks are each of one grey: then a block is its DC
 * difference and an end-of-block, and no transform is needed. 160 x 120 pixels: a bar that walks to the right over a
 * grey wedge, with the frame's number in binary below.
 */
#include "test_pattern.h"

#include <stdbool.h>
#include <string.h>

#define BLOCKS_X   20
#define BLOCKS_Y   15
#define DC_QUANT   16 /* a DC step is DC_QUANT / 8 levels of grey */
#define NUMBER_ROW 13 /* this row of blocks shows the number, least significant bit on the right */

/* T.81 B.2: markers and parameters, in the order in which they stand in the file. */
/* clang-format off */
static const uint8_t HEADER[] = {
    /* DQT: one table, 8 bit. Only its first value is ever used, the others may be anything but 0. */
    0xFF, 0xDB, 0, 67, 0, DC_QUANT,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    /* SOF0: 8 bit, 120 lines of 160, one component, no subsampling, table 0. */
    0xFF, 0xC0, 0, 11, 8, 0, BLOCKS_Y * 8, 0, BLOCKS_X * 8, 1, 1, 0x11, 0,
    /* DHT, DC table 0: the twelve categories as in T.81 table K.3. */
    0xFF, 0xC4, 0, 31, 0x00, 0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
    /* DHT, AC table 0: end-of-block alone, the one-bit code 0. */
    0xFF, 0xC4, 0, 20, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x00,
    /* SOS: one component, tables 0 and 0, the whole spectrum. */
    0xFF, 0xDA, 0, 8, 1, 1, 0x00, 0, 63, 0,
};
/* clang-format on */

/* T.81 table K.3: code and length by category. */
static const struct {
    uint16_t code;
    uint8_t bits;
} DC_CODE[12] = {
    {0x000, 2}, {0x002, 3}, {0x003, 3}, {0x004, 3}, {0x005, 3}, {0x006, 3},
    {0x00e, 4}, {0x01e, 5}, {0x03e, 6}, {0x07e, 7}, {0x0fe, 8}, {0x1fe, 9},
};

struct bits {
    uint8_t *out;
    size_t len;
    uint32_t pending;
    unsigned pending_count;
};

static void put_bits(struct bits *b, uint32_t value, unsigned count)
{
    b->pending = (b->pending << count) | (value & ((1u << count) - 1u));
    b->pending_count += count;
    while (b->pending_count >= 8) {
        b->pending_count -= 8;
        const uint8_t byte = (uint8_t)(b->pending >> b->pending_count);
        b->out[b->len++] = byte;
        if (byte == 0xFF) {
            b->out[b->len++] = 0; /* so that no decoder takes it for a marker */
        }
    }
}

static void put_block(struct bits *b, int difference)
{
    unsigned category = 0;
    for (int rest = difference < 0 ? -difference : difference; rest != 0; rest >>= 1) {
        category++;
    }
    put_bits(b, DC_CODE[category].code, DC_CODE[category].bits);
    if (category > 0) {
        put_bits(b, (uint32_t)(difference < 0 ? difference - 1 : difference), category);
    }
    put_bits(b, 0, 1); /* end of block */
}

/* The quantized DC value of a block, -64 (black) to 63 (white). */
static int grey(unsigned x, unsigned y, uint32_t seq)
{
    if (y == NUMBER_ROW) {
        return ((seq >> (BLOCKS_X - 1 - x)) & 1u) != 0 ? 60 : -60;
    }
    if (x == seq % BLOCKS_X) {
        return 60;
    }
    return (int)(x * 5) - 50;
}

size_t test_pattern_encode(uint32_t seq, uint8_t *out)
{
    memcpy(out, HEADER, sizeof(HEADER));
    struct bits b = {.out = out, .len = sizeof(HEADER)};
    int last = 0;
    for (unsigned y = 0; y < BLOCKS_Y; y++) {
        for (unsigned x = 0; x < BLOCKS_X; x++) {
            const int dc = grey(x, y, seq);
            put_block(&b, dc - last);
            last = dc;
        }
    }
    put_bits(&b, 0x7F, 7); /* T.81 F.1.2.3: fill the last byte with ones */
    out[b.len++] = 0xFF;
    out[b.len++] = 0xD9; /* EOI */
    return b.len;
}
