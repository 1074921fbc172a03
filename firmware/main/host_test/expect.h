/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The one assertion of these tests: says what was expected and where, and ends the test.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#define EXPECT(condition, ...)                                                      \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s: ", __FILE__, __LINE__, #condition); \
            fprintf(stderr, __VA_ARGS__);                                           \
            fputc('\n', stderr);                                                    \
            exit(1);                                                                \
        }                                                                           \
    } while (0)
