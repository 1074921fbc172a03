/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A picture that moves, as the part of a baseline JPEG that follows its comments: quantization table to EOI.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/** No picture is longer. */
#define TEST_PATTERN_MAX_BYTES 768u

/** Writes the picture number @p seq. @return its length, at most TEST_PATTERN_MAX_BYTES. */
size_t test_pattern_encode(uint32_t seq, uint8_t *out);
