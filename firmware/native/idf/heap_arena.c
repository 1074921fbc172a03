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

#include "heap_internal.h"
#include "native_kernel.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size)   ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

#define DEFAULT_ARENA_BYTES (640u * 1024u)
#define ALIGNMENT      16u
#define HEAD_CANARY    0xABBA1234u
#define TAIL_CANARY    0xBAAD5678u
#define FREE_CANARY    0xFEFEFEFEu
#define FREE_FILL      0xFE
#define MALLOC_FILL    0xCE
#define USED           1u
#define MIN_BLOCK      48u /* header, links, and something to give */
#define BINS           64u

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

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all below */
static uint8_t *arena;
static size_t arena_bytes;
static struct block *bins[BINS];
static uint64_t bins_used; /* bit n: bins[n] is not empty */
static struct heap_counts counts;
static long fail_after = -1;

static uint8_t *payload_of(struct block *block)
{
    return (uint8_t *)(block + 1);
}

static struct links *links_of(struct block *block)
{
    return (struct links *)(block + 1);
}

static size_t size_of(const struct block *block)
{
    return block->size & ~(uint32_t)USED;
}

static bool is_used(const struct block *block)
{
    return (block->size & USED) != 0;
}

static struct block *next_of(struct block *block)
{
    uint8_t *next = (uint8_t *)block + size_of(block);
    return next < arena + arena_bytes ? (struct block *)next : NULL;
}

static struct block *prev_of(struct block *block)
{
    return block->prev_size != 0 ? (struct block *)((uint8_t *)block - block->prev_size) : NULL;
}

static void set_size(struct block *block, size_t size, uint32_t used)
{
    block->size = (uint32_t)size | used;
    struct block *next = next_of(block);
    if (next != NULL) {
        next->prev_size = (uint32_t)size;
    }
}

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

void heap_corrupt(const char *what, const void *where, uint32_t expected, uint32_t found)
{
    printf("CORRUPT HEAP: %s at %p. Expected 0x%08x got 0x%08x\n", what, where, (unsigned)expected, (unsigned)found);
}

/* Freed memory shows one of two fills: the heap's own, or that of a dead task's stack. Both ends are aligned. */
static bool fill_is_intact(const uint8_t *from, const uint8_t *end, bool report)
{
    const uint64_t freed = UINT64_C(0x0101010101010101) * FREE_FILL;
    const uint64_t stack = UINT64_C(0x0101010101010101) * STACK_FILL;
    for (const uint8_t *at = from; at < end; at += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        if (word != freed && word != stack) {
            if (report) {
                uint32_t found = (uint32_t)word != (uint32_t)freed ? (uint32_t)word : (uint32_t)(word >> 32);
                heap_corrupt("Invalid data", at, (uint32_t)freed, found);
            }
            return false;
        }
    }
    return true;
}

static bool tail_is_intact(struct block *block, bool report)
{
    const uint8_t *tail = payload_of(block) + block->requested;
    uint32_t found = 0;
    if (block->requested + sizeof(found) > size_of(block) - sizeof(*block)) {
        tail = payload_of(block);
    }
    ASAN_UNPOISON_MEMORY_REGION(tail, sizeof(found));
    memcpy(&found, tail, sizeof(found));
    if (found != TAIL_CANARY && report) {
        heap_corrupt("Bad tail", tail, TAIL_CANARY, found);
    }
    return found == TAIL_CANARY;
}

static bool head_is_intact(struct block *block, bool report)
{
    bool intact = block->canary == HEAD_CANARY && is_used(block);
    if (!intact && report) {
        heap_corrupt("Bad head", block, HEAD_CANARY, block->canary);
    }
    return intact;
}

static void init_locked(size_t bytes)
{
    arena_bytes = bytes & ~(size_t)(ALIGNMENT - 1);
    arena = mmap(NULL, arena_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert(arena != MAP_FAILED && arena_bytes >= MIN_BLOCK && arena_bytes <= UINT32_MAX);
    struct block *block = (struct block *)arena;
    memset(arena, FREE_FILL, arena_bytes);
    block->prev_size = 0;
    block->canary = FREE_CANARY;
    set_size(block, arena_bytes, 0);
    bin_insert(block);
    counts.min_free_bytes = counts.free_bytes;
    ASAN_POISON_MEMORY_REGION(payload_of(block) + sizeof(struct links),
                              size_of(block) - sizeof(*block) - sizeof(struct links));
}

void heap_lock(void)
{
    kernel_hold();
    pthread_mutex_lock(&lock);
    if (arena == NULL) {
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
    assert(arena == NULL);
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
    return (const uint8_t *)ptr >= arena && (const uint8_t *)ptr < arena + arena_bytes;
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
    bool intact = block->canary == FREE_CANARY && fill_is_intact(payload_of(block) + sizeof(struct links), end, true);
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
    if (bytes == 0 || bytes > arena_bytes || must_fail()) {
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
    if (bytes == 0 || bytes > arena_bytes || must_fail()) {
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
    if (!aligned || !head_is_intact(block, true) || !tail_is_intact(block, true)) {
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
    return arena_bytes;
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

#if defined(__SANITIZE_ADDRESS__)
__attribute__((no_sanitize("address")))
#endif
bool heap_check(bool report)
{
    uint32_t prev_size = 0;
    for (struct block *block = (struct block *)arena; block != NULL; block = next_of(block)) {
        if (block->prev_size != prev_size || size_of(block) < 2 * ALIGNMENT) {
            if (report) {
                heap_corrupt("Bad head", block, prev_size, block->prev_size);
            }
            return false;
        }
        if (is_used(block)) {
            if (!head_is_intact(block, report) || !tail_is_intact(block, report)) {
                return false;
            }
        } else {
            uint8_t *from = payload_of(block) + sizeof(struct links), *end = (uint8_t *)block + size_of(block);
            ASAN_UNPOISON_MEMORY_REGION(from, end - from);
            bool intact = fill_is_intact(from, end, report);
            ASAN_POISON_MEMORY_REGION(from, end - from);
            if (!intact) {
                return false;
            }
        }
        prev_size = (uint32_t)size_of(block);
    }
    return true;
}
