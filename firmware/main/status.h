/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the board says of itself when asked: the page `/status`.
 */
#pragma once

#include <stddef.h>

/** Writes the status as one JSON object. @return its length, less than @p size. One task at a time. */
size_t status_write(char *out, size_t size);
