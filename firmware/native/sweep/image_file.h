/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * App images and the partition table as files. What cannot be used ends the program with one line.
 */
#pragma once

#include "board.h"

/** Reads an app image, its digest and its version. */
struct image image_file_read(const char *path);

/** Reads a partition table of exactly @p size bytes. */
void image_file_read_table(const char *path, uint8_t *table, size_t size);
