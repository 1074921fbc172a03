/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What every frame begins with, whatever made it: SOI and the comment with its number and its CRC (frame_source.h).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define FRAME_STAMP_TEXT_BYTES 31u                                /* strlen("hil seq=0000000000 crc=00000000") */
#define FRAME_STAMP_BYTES      (2u + 4u + FRAME_STAMP_TEXT_BYTES) /* SOI, the comment's marker and length, its text */

/**
 * Writes the stamp of frame number @p seq to @p frame; the @p body_bytes behind it, the rest of the JPEG, are there
 * already.
 */
void frame_stamp(uint8_t *frame, uint32_t seq, size_t body_bytes);
