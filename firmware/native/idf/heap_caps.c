/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The heap's public calls, and libc's malloc() family, which the linker sends here (--wrap).
 */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_heap_caps.h"
#include "heap_internal.h"
#include "native_kernel.h"

#define CAPS_WE_LACK (MALLOC_CAP_SPIRAM | MALLOC_CAP_EXEC)

void *__real_realloc(void *ptr, size_t size);
void __real_free(void *ptr);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *ptr, size_t size);
void __wrap_free(void *ptr);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t n);
int __wrap_asprintf(char **out, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __wrap_vasprintf(char **out, const char *format, va_list args);

static esp_alloc_failed_hook_t failed_hook;

static void *allocate(size_t alignment, size_t size, uint32_t caps, const char *function)
{
    if ((caps & CAPS_WE_LACK) != 0) {
        return NULL;
    }
    heap_lock();
    void *ptr = alignment != 0 ? heap_take_aligned(alignment, size) : heap_take(size);
    heap_unlock();
    if (ptr == NULL && size > 0 && failed_hook != NULL) {
        failed_hook(size, caps, function);
    }
    return ptr;
}

void *heap_caps_malloc(size_t size, uint32_t caps)
{
    return allocate(0, size, caps, __func__);
}

void *heap_caps_calloc(size_t n, size_t size, uint32_t caps)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes)) {
        return NULL;
    }
    void *ptr = allocate(0, bytes, caps, __func__);
    return ptr != NULL ? memset(ptr, 0, bytes) : NULL;
}

void *heap_caps_aligned_alloc(size_t alignment, size_t size, uint32_t caps)
{
    if (alignment == 0 || (alignment & (alignment - 1)) != 0) {
        return NULL;
    }
    return allocate(alignment, size, caps, __func__);
}

void *heap_caps_malloc_prefer(size_t size, size_t num, ...)
{
    void *ptr = NULL;
    va_list caps;
    va_start(caps, num);
    while (ptr == NULL && num-- > 0) {
        ptr = heap_caps_malloc(size, va_arg(caps, uint32_t));
    }
    va_end(caps);
    return ptr;
}

static void release(void *ptr, bool fill)
{
    if (ptr == NULL) {
        return;
    }
    heap_lock();
    struct block *block = heap_checked_block(ptr);
    assert(block != NULL && "free() of memory that is not allocated, or was written beyond its end");
    heap_give(block, fill);
    heap_unlock();
}

void heap_caps_free(void *ptr)
{
    release(ptr, true);
}

void heap_caps_aligned_free(void *ptr)
{
    release(ptr, true);
}

void heap_arena_free_as_is(void *ptr)
{
    release(ptr, false);
}

void *heap_caps_realloc(void *ptr, size_t size, uint32_t caps)
{
    if (ptr == NULL) {
        return heap_caps_malloc(size, caps);
    }
    if (size == 0) {
        heap_caps_free(ptr);
        return NULL;
    }
    heap_lock();
    struct block *block = heap_checked_block(ptr);
    assert(block != NULL && "realloc() of memory that is not allocated, or was written beyond its end");
    bool done = heap_shrink(block, size);
    heap_unlock();
    if (done) {
        return ptr;
    }
    size_t old = heap_requested(ptr);
    void *moved = heap_caps_malloc(size, caps);
    if (moved != NULL) {
        memcpy(moved, ptr, old < size ? old : size);
        heap_caps_free(ptr);
    }
    return moved;
}

void heap_caps_get_info(multi_heap_info_t *info, uint32_t caps)
{
    memset(info, 0, sizeof(*info));
    if ((caps & CAPS_WE_LACK) != 0) {
        return;
    }
    heap_lock();
    struct heap_counts counts = heap_count();
    info->largest_free_block = heap_largest();
    info->total_free_bytes = counts.free_bytes;
    info->total_allocated_bytes = heap_total() - counts.free_bytes;
    heap_unlock();
    info->minimum_free_bytes = counts.min_free_bytes;
    info->allocated_blocks = counts.used_blocks;
    info->free_blocks = counts.free_blocks;
    info->total_blocks = counts.used_blocks + counts.free_blocks;
}

size_t heap_caps_get_total_size(uint32_t caps)
{
    return (caps & CAPS_WE_LACK) != 0 ? 0 : heap_total();
}

size_t heap_caps_get_free_size(uint32_t caps)
{
    multi_heap_info_t info;
    heap_caps_get_info(&info, caps);
    return info.total_free_bytes;
}

size_t heap_caps_get_minimum_free_size(uint32_t caps)
{
    multi_heap_info_t info;
    heap_caps_get_info(&info, caps);
    return info.minimum_free_bytes;
}

size_t heap_caps_get_largest_free_block(uint32_t caps)
{
    multi_heap_info_t info;
    heap_caps_get_info(&info, caps);
    return info.largest_free_block;
}

size_t heap_caps_get_allocated_size(void *ptr)
{
    return heap_requested(ptr);
}

bool heap_caps_check_integrity(uint32_t caps, bool print_errors)
{
    (void)caps;
    return heap_caps_check_integrity_all(print_errors);
}

bool heap_caps_check_integrity_all(bool print_errors)
{
    heap_lock();
    bool intact = heap_check(print_errors);
    heap_unlock();
    return intact;
}

esp_err_t heap_caps_register_failed_alloc_callback(esp_alloc_failed_hook_t callback)
{
    if (callback == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    failed_hook = callback;
    return ESP_OK;
}

void heap_caps_print_heap_info(uint32_t caps)
{
    multi_heap_info_t info;
    heap_caps_get_info(&info, caps);
    printf("Heap summary for capabilities 0x%08X:\n  free %zu allocated %zu min_free %zu\n"
           "  largest_free_block %zu alloc_blocks %zu free_blocks %zu total_blocks %zu\n",
           (unsigned)caps, info.total_free_bytes, info.total_allocated_bytes, info.minimum_free_bytes,
           info.largest_free_block, info.allocated_blocks, info.free_blocks, info.total_blocks);
}

/* ---- the malloc() family of all objects of the program; libraries that are linked dynamically keep libc's ---- */

static void *or_enomem(void *ptr)
{
    if (ptr == NULL) {
        errno = ENOMEM;
    }
    return ptr;
}

void *__wrap_malloc(size_t size)
{
    return or_enomem(allocate(0, size, MALLOC_CAP_DEFAULT, "malloc"));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return or_enomem(heap_caps_calloc(n, size, MALLOC_CAP_DEFAULT));
}

/* Some memory comes from a library of the system: what libc gave, libc takes back. */
void *__wrap_realloc(void *ptr, size_t size)
{
    if (ptr != NULL && !heap_arena_contains(ptr)) {
        return __real_realloc(ptr, size);
    }
    return or_enomem(heap_caps_realloc(ptr, size, MALLOC_CAP_DEFAULT));
}

void __wrap_free(void *ptr)
{
    if (ptr != NULL && !heap_arena_contains(ptr)) {
        __real_free(ptr);
        return;
    }
    heap_caps_free(ptr);
}

char *__wrap_strndup(const char *text, size_t n)
{
    size_t len = strnlen(text, n);
    char *copy = __wrap_malloc(len + 1);
    if (copy != NULL) {
        memcpy(copy, text, len);
        copy[len] = '\0';
    }
    return copy;
}

char *__wrap_strdup(const char *text)
{
    return __wrap_strndup(text, strlen(text));
}

int __wrap_vasprintf(char **out, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    *out = len >= 0 ? __wrap_malloc((size_t)len + 1) : NULL;
    if (*out == NULL) {
        len = -1;
    } else {
        vsnprintf(*out, (size_t)len + 1, format, again);
    }
    va_end(again);
    return len;
}

int __wrap_asprintf(char **out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = __wrap_vasprintf(out, format, args);
    va_end(args);
    return len;
}
