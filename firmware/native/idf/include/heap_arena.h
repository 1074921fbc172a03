/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The arena behind the heap, for the port and its tests; firmware sees only malloc() and esp_heap_caps.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Sets the arena up; once, before the first allocation, or the default size is taken. */
void heap_arena_init(size_t bytes);

/** Lets @p k more allocations succeed, then fails one, then no more; -1 = never fail. */
void heap_arena_fail_after(long k);

/** Frees without the usual fill: what the block shows now stays to be seen. Fill it with 0xFE or 0xA5 throughout. */
void heap_arena_free_as_is(void *ptr);

bool heap_arena_contains(const void *ptr);

#ifdef __cplusplus
}
#endif
