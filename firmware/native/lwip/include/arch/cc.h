/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * lwIP's view of the compiler, and what it does when an assertion fails: ESP-IDF's text, then a panic.
 */
#pragma once

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

typedef int sys_prot_t;

#define PACK_STRUCT_FIELD(x) x
#define PACK_STRUCT_STRUCT   __attribute__((packed))
#define PACK_STRUCT_BEGIN
#define PACK_STRUCT_END

#define LWIP_PLATFORM_DIAG(x) \
    do {                      \
        printf x;             \
    } while (0)

#ifdef __cplusplus
extern "C" {
#endif
void board_assert_failed(const char *file, int line, const char *function, const char *expression)
    __attribute__((noreturn));
#ifdef __cplusplus
}
#endif

/* As on a chip, the message stands where the expression of an assert() would. */
#define LWIP_PLATFORM_ASSERT(message) board_assert_failed(__FILE__, __LINE__, __func__, message)

/* A failed LWIP_ERROR takes its handler and says nothing, as on a chip. */
#define LWIP_ERROR(message, expression, handler) \
    do {                                         \
        if (!(expression)) {                     \
            handler;                             \
        }                                        \
    } while (0)

#ifndef __containerof /* newlib has it, and Espressif's lwIP takes it for granted */
#define __containerof(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))
#endif
