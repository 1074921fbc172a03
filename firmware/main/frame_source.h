/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Where frames come from. Every frame is a whole baseline JPEG whose first segment after SOI is a comment
 *
 *     hil seq=%010u crc=%08x
 *
 * with the number the caller asked for and the CRC-32 (zlib's) of every byte after that segment, so that whoever
 * receives the frame can tell whether one was lost, repeated or torn.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "esp_err.h"

typedef struct frame_source frame_source_t;

typedef struct {
    const uint8_t *data;
    size_t len;
} frame_t;

/**
 * Opens a source that makes frames of about @p frame_bytes. The first one starts the camera, where there is one.
 * @return ESP_OK; ESP_ERR_NO_MEM; what the camera driver says.  Any task, the first one before there are others.
 */
esp_err_t frame_source_open(size_t frame_bytes, frame_source_t **out);

/**
 * Makes the next frame, numbered @p seq. It stays as it is until frame_source_release().
 * @return ESP_OK; ESP_FAIL when the source has none. One task at a time.
 */
esp_err_t frame_source_next(frame_source_t *source, uint32_t seq, frame_t *out);

/** Gives the frame back. */
void frame_source_release(frame_source_t *source, const frame_t *frame);

/** Closes the source. NULL is allowed. */
void frame_source_close(frame_source_t *source);
