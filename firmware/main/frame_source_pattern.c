/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Frames without a camera: the test pattern, brought to the wanted size by comment segments whose bytes change from
 * frame to frame, so that a piece of another frame in their place is noticed.
 */
#include "frame_source.h"

#include "sdkconfig.h"

#if !CONFIG_HIL_CAMERA

#include <stdlib.h>
#include <string.h>

#include "frame_stamp.h"
#include "test_pattern.h"

#define COM_MAX_BYTES (2u + 65535u) /* marker, and what its length can say */

struct frame_source {
    size_t frame_bytes;
    uint8_t buffer[];
};

/* One comment segment of @p bytes in all, at least 4. The bytes stay below 0x80: none can look like a marker. */
static void put_padding(uint8_t *out, size_t bytes, uint32_t seed)
{
    const size_t length = bytes - 2;
    out[0] = 0xFF;
    out[1] = 0xFE;
    out[2] = (uint8_t)(length >> 8);
    out[3] = (uint8_t)length;
    uint32_t value = seed * 2654435761u + 1u;
    for (size_t i = 4; i < bytes; i++) {
        value = value * 1664525u + 1013904223u;
        out[i] = (uint8_t)(value >> 25);
    }
}

esp_err_t frame_source_open(size_t frame_bytes, frame_source_t **out)
{
    if (frame_bytes < FRAME_STAMP_BYTES + TEST_PATTERN_MAX_BYTES) {
        frame_bytes = FRAME_STAMP_BYTES + TEST_PATTERN_MAX_BYTES; /* a shorter frame is as long as its picture needs */
    }
    frame_source_t *source = malloc(sizeof(*source) + frame_bytes);
    if (source == NULL) {
        return ESP_ERR_NO_MEM;
    }
    source->frame_bytes = frame_bytes;
    *out = source;
    return ESP_OK;
}

esp_err_t frame_source_next(frame_source_t *source, uint32_t seq, frame_t *out)
{
    /* Encoded where the buffer has room for the longest picture, then moved to its end: no second buffer. */
    uint8_t *const end = source->buffer + source->frame_bytes;
    uint8_t *const picture = end - TEST_PATTERN_MAX_BYTES;
    const size_t picture_bytes = test_pattern_encode(seq, picture);
    memmove(end - picture_bytes, picture, picture_bytes);

    uint8_t *at = source->buffer + FRAME_STAMP_BYTES;
    size_t padding = source->frame_bytes - FRAME_STAMP_BYTES - picture_bytes;
    while (padding >= 4) {
        const size_t segment = padding < COM_MAX_BYTES ? padding : COM_MAX_BYTES;
        put_padding(at, segment, seq);
        at += segment;
        padding -= segment;
    }
    memmove(at, end - picture_bytes, picture_bytes);
    at += picture_bytes;

    frame_stamp(source->buffer, seq, (size_t)(at - source->buffer) - FRAME_STAMP_BYTES);
    out->data = source->buffer;
    out->len = (size_t)(at - source->buffer);
    return ESP_OK;
}

void frame_source_release(frame_source_t *source, const frame_t *frame)
{
    (void)source;
    (void)frame;
}

void frame_source_close(frame_source_t *source)
{
    free(source);
}

#endif
