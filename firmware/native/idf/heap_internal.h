/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Between the arena (heap_arena.c) and the calls that stand on it (heap_caps.c): all with the heap locked.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap_arena.h"

struct block;

struct heap_counts {
    size_t free_bytes;
    size_t min_free_bytes;
    size_t free_blocks;
    size_t used_blocks;
};

void heap_lock(void);
void heap_unlock(void);

void *heap_take(size_t bytes);
void *heap_take_aligned(size_t alignment, size_t bytes);
/** @return NULL, after a line on the console, when ptr is no intact allocation. */
struct block *heap_checked_block(void *ptr);
void heap_give(struct block *block, bool fill);
/** Makes the allocation this long where it lies. @return false when the block is too small. */
bool heap_shrink(struct block *block, size_t bytes);
size_t heap_requested(void *ptr);

struct heap_counts heap_count(void);
size_t heap_total(void);
size_t heap_largest(void);
bool heap_check(bool report);
