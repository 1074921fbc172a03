/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * How a block of the heap is laid out, and how its neighbours are found; for heap_arena.c, which keeps the blocks, and
 * heap_poison.c, which finds them damaged.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size)   ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

#define ALIGNMENT   16u
#define HEAD_CANARY 0xABBA1234u
#define TAIL_CANARY 0xBAAD5678u
#define FREE_CANARY 0xFEFEFEFEu
#define FREE_FILL   0xFE
#define MALLOC_FILL 0xCE
#define USED        1u
#define MIN_BLOCK   48u /* header, links, and something to give */

struct block {
    uint32_t prev_size; /* of the block before this one, 0 = this is the first */
    uint32_t size;      /* with this header; a multiple of ALIGNMENT, plus USED */
    uint32_t requested; /* bytes asked for */
    uint32_t canary;
};

struct links {
    struct block *next;
    struct block *prev;
};

_Static_assert(sizeof(struct block) == ALIGNMENT, "payloads follow their header and are aligned");

extern uint8_t *heap_start; /* the arena */
extern size_t heap_bytes;

static inline uint8_t *payload_of(struct block *block)
{
    return (uint8_t *)(block + 1);
}

static inline struct links *links_of(struct block *block)
{
    return (struct links *)(block + 1);
}

static inline size_t size_of(const struct block *block)
{
    return block->size & ~(uint32_t)USED;
}

static inline bool is_used(const struct block *block)
{
    return (block->size & USED) != 0;
}

static inline struct block *next_of(struct block *block)
{
    uint8_t *next = (uint8_t *)block + size_of(block);
    return next < heap_start + heap_bytes ? (struct block *)next : NULL;
}

static inline struct block *prev_of(struct block *block)
{
    return block->prev_size != 0 ? (struct block *)((uint8_t *)block - block->prev_size) : NULL;
}

static inline void set_size(struct block *block, size_t size, uint32_t used)
{
    block->size = (uint32_t)size | used;
    struct block *next = next_of(block);
    if (next != NULL) {
        next->prev_size = (uint32_t)size;
    }
}

/* Whether what was written stays as it was; a line on the console when it does not, and is to be reported. */
bool heap_fill_is_intact(const uint8_t *from, const uint8_t *end, bool report);
bool heap_head_is_intact(struct block *block, bool report);
bool heap_tail_is_intact(struct block *block, bool report);
