/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Checks of a host test: the first that fails tells what it saw and ends the program.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s: expected %s\n", __FILE__, __LINE__, __func__, #condition); \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

#define CHECK_EQ(expected, actual)                                                                              \
    do {                                                                                                        \
        const long long expected_ = (long long)(expected), actual_ = (long long)(actual);                       \
        if (expected_ != actual_) {                                                                             \
            fprintf(stderr, "%s:%d: %s: expected %s == %lld, is %lld\n", __FILE__, __LINE__, __func__, #actual, \
                    expected_, actual_);                                                                        \
            exit(1);                                                                                            \
        }                                                                                                       \
    } while (0)

#define CHECK_BYTES(expected, expected_len, actual, actual_len)   \
    do {                                                          \
        CHECK_EQ(expected_len, actual_len);                       \
        CHECK(memcmp((expected), (actual), (expected_len)) == 0); \
    } while (0)
