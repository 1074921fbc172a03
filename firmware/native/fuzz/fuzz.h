/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What all fuzzers share. Each is one file: LLVMFuzzerTestOneInput() takes any bytes, and besides what the sanitizers
 * see, HOLDS() says what must be true of every input.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOLDS(condition)                                                            \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                \
        }                                                                           \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** A terminated copy in memory of exactly that size, so that a read beyond it is seen. The caller frees it. */
static inline char *fuzz_text(const void *data, size_t size)
{
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    return text;
}
