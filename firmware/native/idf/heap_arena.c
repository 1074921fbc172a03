/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The heap: one arena, blocks with boundary tags, free blocks in lists by size, neighbours joined at once.
 *
 * It behaves like ESP-IDF's heap with comprehensive poisoning: a canary before and behind each allocation, new memory
 * filled with 0xCE, freed memory with 0xFE, and checked for that fill when it is handed out again. So a write
 * after free is found, and who reads after free finds nothing that looks right.
 */
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "heap_block.h"
#include "heap_internal.h"
#include "native_kernel.h"

#define DEFAULT_ARENA_BYTES (640u * 1024u)
#define BINS                64u

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all below */
uint8_t *heap_start;
size_t heap_bytes;
static struct block *bins[BINS];
static uint64_t bins_used; /* bit n: bins[n] is not empty */
static struct heap_counts counts;
static long fail_after = -1;

/* Four bins for each power of two: the blocks of a higher bin are larger than all of a lower one. */
static unsigned bin_of(size_t size)
{
    unsigned units = (unsigned)(size / ALIGNMENT); /* at least 2 */
    unsigned log2 = 31u - (unsigned)__builtin_clz(units);
    unsigned quarter = log2 >= 2 ? (units >> (log2 - 2)) & 3u : (units << (2 - log2)) & 3u;
    unsigned bin = log2 * 4 + quarter;
    return bin < BINS ? bin : BINS - 1;
}

static void bin_insert(struct block *block)
{
    unsigned bin = bin_of(size_of(block));
    struct links *links = links_of(block);
    links->next = bins[bin];
    links->prev = NULL;
    if (bins[bin] != NULL) {
        links_of(bins[bin])->prev = block;
    }
    bins[bin] = block;
    bins_used |= UINT64_C(1) << bin;
    counts.free_blocks++;
    counts.free_bytes += size_of(block) - sizeof(*block);
}

static void bin_remove(struct block *block)
{
    unsigned bin = bin_of(size_of(block));
    struct links *links = links_of(block);
    if (links->prev != NULL) {
        links_of(links->prev)->next = links->next;
    } else {
        bins[bin] = links->next;
        if (bins[bin] == NULL) {
            bins_used &= ~(UINT64_C(1) << bin);
        }
    }
    if (links->next != NULL) {
        links_of(links->next)->prev = links->prev;
    }
    counts.free_blocks--;
    counts.free_bytes -= size_of(block) - sizeof(*block);
}

/* The smallest block of the first bin that has one large enough. */
static struct block *find_free(size_t size)
{
    for (unsigned bin = bin_of(size); bin < BINS; bin++) {
        if ((bins_used >> bin) == 0) {
            break;
        }
        struct block *best = NULL;
        for (struct block *block = bins[bin]; block != NULL; block = links_of(block)->next) {
            if (size_of(block) >= size && (best == NULL || size_of(block) < size_of(best))) {
                best = block;
            }
        }
        if (best != NULL) {
            return best;
        }
    }
    return NULL;
}

static void init_locked(size_t bytes)
{
    heap_bytes = bytes & ~(size_t)(ALIGNMENT - 1);
    heap_start = mmap(NULL, heap_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert(heap_start != MAP_FAILED && heap_bytes >= MIN_BLOCK && heap_bytes <= UINT32_MAX);
    struct block *block = (struct block *)heap_start;
    memset(heap_start, FREE_FILL, heap_bytes);
    block->prev_size = 0;
    block->canary = FREE_CANARY;
    set_size(block, heap_bytes, 0);
    bin_insert(block);
    counts.min_free_bytes = counts.free_bytes;
    ASAN_POISON_MEMORY_REGION(payload_of(block) + sizeof(struct links),
                              size_of(block) - sizeof(*block) - sizeof(struct links));
}

void heap_lock(void)
{
    kernel_hold();
    pthread_mutex_lock(&lock);
    if (heap_start == NULL) {
        init_locked(DEFAULT_ARENA_BYTES);
    }
}

void heap_unlock(void)
{
    pthread_mutex_unlock(&lock);
    kernel_release();
}

void heap_arena_init(size_t bytes)
{
    kernel_hold();
    pthread_mutex_lock(&lock);
    assert(heap_start == NULL);
    init_locked(bytes);
    pthread_mutex_unlock(&lock);
    kernel_release();
}

void heap_arena_fail_after(long k)
{
    heap_lock();
    fail_after = k;
    heap_unlock();
}

bool heap_arena_contains(const void *ptr)
{
    return (const uint8_t *)ptr >= heap_start && (const uint8_t *)ptr < heap_start + heap_bytes;
}

/* Gives the end of a block, from @p size on, back; its payload holds one of the fills already. */
static void release_end(struct block *block, size_t size)
{
    size_t rest_size = size_of(block) - size;
    set_size(block, size, block->size & USED);
    struct block *rest = next_of(block);
    rest->prev_size = (uint32_t)size;
    rest->canary = FREE_CANARY;
    rest->requested = 0;
    set_size(rest, rest_size, 0);
    bin_insert(rest);
}

static size_t block_size_for(size_t bytes)
{
    size_t size = sizeof(struct block) + ((bytes + sizeof(uint32_t) + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1));
    return size < MIN_BLOCK ? MIN_BLOCK : size;
}

static void mark_used(struct block *block, size_t bytes)
{
    const uint32_t tail = TAIL_CANARY;
    block->canary = HEAD_CANARY;
    block->requested = (uint32_t)bytes;
    memcpy(payload_of(block) + bytes, &tail, sizeof(tail));
    ASAN_POISON_MEMORY_REGION(payload_of(block) + bytes, size_of(block) - sizeof(*block) - bytes);
}

/* Takes @p size bytes out of a free block. */
static void take(struct block *block, size_t size)
{
    uint8_t *end = (uint8_t *)block + size;
    bin_remove(block);
    ASAN_UNPOISON_MEMORY_REGION(payload_of(block), size - sizeof(*block));
    bool intact =
        block->canary == FREE_CANARY && heap_fill_is_intact(payload_of(block) + sizeof(struct links), end, true);
    assert(intact && "free memory was written to");
    (void)intact;
    if (size_of(block) - size >= MIN_BLOCK) {
        ASAN_UNPOISON_MEMORY_REGION(end, sizeof(struct block) + sizeof(struct links));
        release_end(block, size);
    } else {
        ASAN_UNPOISON_MEMORY_REGION(payload_of(block), size_of(block) - sizeof(*block));
    }
    block->size |= USED;
    counts.used_blocks++;
    if (counts.free_bytes < counts.min_free_bytes) {
        counts.min_free_bytes = counts.free_bytes;
    }
}

static bool must_fail(void)
{
    if (fail_after < 0) {
        return false;
    }
    return fail_after-- == 0;
}

void *heap_take(size_t bytes)
{
    if (bytes == 0 || bytes > heap_bytes || must_fail()) {
        return NULL;
    }
    struct block *block = find_free(block_size_for(bytes));
    if (block == NULL) {
        return NULL;
    }
    take(block, block_size_for(bytes));
    memset(payload_of(block), MALLOC_FILL, bytes);
    mark_used(block, bytes);
    return payload_of(block);
}

void *heap_take_aligned(size_t alignment, size_t bytes)
{
    if (alignment <= ALIGNMENT) {
        return heap_take(bytes);
    }
    if (bytes == 0 || bytes > heap_bytes || must_fail()) {
        return NULL;
    }
    size_t size = block_size_for(bytes);
    struct block *block = find_free(size + alignment + MIN_BLOCK);
    if (block == NULL) {
        return NULL;
    }
    uintptr_t start = (uintptr_t)payload_of(block);
    uintptr_t aligned = (start + alignment - 1) & ~(uintptr_t)(alignment - 1);
    if (aligned != start) {
        while (aligned - start < MIN_BLOCK) {
            aligned += alignment;
        }
        /* The part in front stays free; the fill lies where the new header and links come. */
        bin_remove(block);
        ASAN_UNPOISON_MEMORY_REGION((uint8_t *)aligned - sizeof(*block), sizeof(*block) + sizeof(struct links));
        release_end(block, aligned - start);
        bin_insert(block);
        block = (struct block *)aligned - 1;
    }
    take(block, size);
    memset(payload_of(block), MALLOC_FILL, bytes);
    mark_used(block, bytes);
    return payload_of(block);
}

struct block *heap_checked_block(void *ptr)
{
    struct block *block = (struct block *)ptr - 1;
    bool aligned = heap_arena_contains(ptr) && ((uintptr_t)ptr & (ALIGNMENT - 1)) == 0;
    if (!aligned || !heap_head_is_intact(block, true) || !heap_tail_is_intact(block, true)) {
        return NULL;
    }
    return block;
}

size_t heap_requested(void *ptr)
{
    struct block *block = (struct block *)ptr - 1;
    return block->requested;
}

/* Joins a freed block with a free neighbour behind it: that one's header and links become filled payload. */
static void join_next(struct block *block)
{
    struct block *next = next_of(block);
    if (next == NULL || is_used(next)) {
        return;
    }
    bin_remove(next);
    set_size(block, size_of(block) + size_of(next), 0);
    memset(next, FREE_FILL, sizeof(*next) + sizeof(struct links));
}

void heap_give(struct block *block, bool fill)
{
    size_t keep = fill ? 0 : block->requested;
    ASAN_UNPOISON_MEMORY_REGION(payload_of(block), size_of(block) - sizeof(*block));
    memset(payload_of(block) + keep, FREE_FILL, size_of(block) - sizeof(*block) - keep);
    block->canary = FREE_CANARY;
    block->requested = 0;
    block->size &= ~(uint32_t)USED;
    counts.used_blocks--;
    join_next(block);
    struct block *prev = prev_of(block);
    if (prev != NULL && !is_used(prev)) {
        bin_remove(prev);
        set_size(prev, size_of(prev) + size_of(block), 0);
        memset(block, FREE_FILL, sizeof(*block));
        block = prev;
    }
    bin_insert(block);
    ASAN_POISON_MEMORY_REGION(payload_of(block) + sizeof(struct links),
                              size_of(block) - sizeof(*block) - sizeof(struct links));
}

bool heap_shrink(struct block *block, size_t bytes)
{
    size_t size = block_size_for(bytes);
    if (size > size_of(block)) {
        return false;
    }
    ASAN_UNPOISON_MEMORY_REGION(payload_of(block), size_of(block) - sizeof(*block));
    if (size_of(block) - size >= MIN_BLOCK) {
        memset((uint8_t *)block + size, FREE_FILL, size_of(block) - size);
        release_end(block, size);
        struct block *rest = next_of(block);
        bin_remove(rest);
        join_next(rest);
        bin_insert(rest);
        ASAN_POISON_MEMORY_REGION(payload_of(rest) + sizeof(struct links),
                                  size_of(rest) - sizeof(*rest) - sizeof(struct links));
    }
    mark_used(block, bytes);
    return true;
}

struct heap_counts heap_count(void)
{
    return counts;
}

size_t heap_total(void)
{
    return heap_bytes;
}

size_t heap_largest(void)
{
    size_t largest = 0;
    if (bins_used != 0) {
        unsigned bin = 63u - (unsigned)__builtin_clzll(bins_used);
        for (struct block *block = bins[bin]; block != NULL; block = links_of(block)->next) {
            largest = size_of(block) > largest ? size_of(block) : largest;
        }
        largest -= sizeof(struct block) + sizeof(uint32_t);
    }
    return largest;
}
