/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Finds damage in the heap: a canary that was written over, freed memory that was written to.
 */
#include <stdio.h>
#include <string.h>

#include "heap_block.h"
#include "heap_internal.h"
#include "native_kernel.h"

static void report_corruption(const char *what, const void *where, uint32_t expected, uint32_t found)
{
    printf("CORRUPT HEAP: %s at %p. Expected 0x%08x got 0x%08x\n", what, where, (unsigned)expected, (unsigned)found);
}

/* Freed memory shows one of two fills: the heap's own, or that of a dead task's stack. Both ends are aligned. */
bool heap_fill_is_intact(const uint8_t *from, const uint8_t *end, bool report)
{
    const uint64_t freed = UINT64_C(0x0101010101010101) * FREE_FILL;
    const uint64_t stack = UINT64_C(0x0101010101010101) * STACK_FILL;
    for (const uint8_t *at = from; at < end; at += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        if (word != freed && word != stack) {
            if (report) {
                uint32_t found = (uint32_t)word != (uint32_t)freed ? (uint32_t)word : (uint32_t)(word >> 32);
                report_corruption("Invalid data", at, (uint32_t)freed, found);
            }
            return false;
        }
    }
    return true;
}

bool heap_tail_is_intact(struct block *block, bool report)
{
    const uint8_t *tail = payload_of(block) + block->requested;
    uint32_t found = 0;
    if (block->requested + sizeof(found) > size_of(block) - sizeof(*block)) {
        tail = payload_of(block);
    }
    ASAN_UNPOISON_MEMORY_REGION(tail, sizeof(found));
    memcpy(&found, tail, sizeof(found));
    if (found != TAIL_CANARY && report) {
        report_corruption("Bad tail", tail, TAIL_CANARY, found);
    }
    return found == TAIL_CANARY;
}

bool heap_head_is_intact(struct block *block, bool report)
{
    bool intact = block->canary == HEAD_CANARY && is_used(block);
    if (!intact && report) {
        report_corruption("Bad head", block, HEAD_CANARY, block->canary);
    }
    return intact;
}

#if defined(__SANITIZE_ADDRESS__)
__attribute__((no_sanitize("address")))
#endif
bool heap_check(bool report)
{
    uint32_t prev_size = 0;
    for (struct block *block = (struct block *)heap_start; block != NULL; block = next_of(block)) {
        if (block->prev_size != prev_size || size_of(block) < 2 * ALIGNMENT) {
            if (report) {
                report_corruption("Bad head", block, prev_size, block->prev_size);
            }
            return false;
        }
        if (is_used(block)) {
            if (!heap_head_is_intact(block, report) || !heap_tail_is_intact(block, report)) {
                return false;
            }
        } else {
            uint8_t *from = payload_of(block) + sizeof(struct links), *end = (uint8_t *)block + size_of(block);
            ASAN_UNPOISON_MEMORY_REGION(from, end - from);
            bool intact = heap_fill_is_intact(from, end, report);
            ASAN_POISON_MEMORY_REGION(from, end - from);
            if (!intact) {
                return false;
            }
        }
        prev_size = (uint32_t)size_of(block);
    }
    return true;
}
