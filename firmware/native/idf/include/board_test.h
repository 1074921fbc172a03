/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Test programs for the board (native-board --program TEST): checks that tell what they saw, and the way out.
 *
 * A test program defines app_main(), runs its cases with TEST_RUN and ends with TEST_END(). A check that fails prints
 * one line and ends the program with code 1 at once, since the other tasks may still be running. "--only NAME" on the
 * command line runs that case alone.
 */
#pragma once

#include <stdio.h>
#include <string.h>

#include "board_link_client.h"

/* What follows the program on the command line, with its name as number 0. */
extern int board_argc;
extern char **board_argv;

#define board_exit(code) board_link_exit(code)

#define TEST_FAIL(format, ...)                                                  \
    do {                                                                        \
        printf("%s:%d: FAIL: " format "\n", __FILE__, __LINE__, ##__VA_ARGS__); \
        board_exit(1);                                                          \
    } while (0)

#define TEST_TRUE(condition)                      \
    do {                                          \
        if (!(condition)) {                       \
            TEST_FAIL("expected %s", #condition); \
        }                                         \
    } while (0)

#define TEST_EQ(expected, actual)                                                   \
    do {                                                                            \
        long long expected_ = (long long)(expected), actual_ = (long long)(actual); \
        if (expected_ != actual_) {                                                 \
            TEST_FAIL("expected %s == %lld, is %lld", #actual, expected_, actual_); \
        }                                                                           \
    } while (0)

#define TEST_STR_EQ(expected, actual)                                                   \
    do {                                                                                \
        const char *expected_ = (expected), *actual_ = (actual);                        \
        if (strcmp(expected_, actual_) != 0) {                                          \
            TEST_FAIL("expected %s == \"%s\", is \"%s\"", #actual, expected_, actual_); \
        }                                                                               \
    } while (0)

/** Both ends included. */
#define TEST_WITHIN(low, high, actual)                                                               \
    do {                                                                                             \
        long long low_ = (long long)(low), high_ = (long long)(high), actual_ = (long long)(actual); \
        if (actual_ < low_ || actual_ > high_) {                                                     \
            TEST_FAIL("expected %s in %lld..%lld, is %lld", #actual, low_, high_, actual_);          \
        }                                                                                            \
    } while (0)

/** As soon as it is true, or two seconds later: for what another task does. Needs freertos/task.h. */
#define TEST_EVENTUALLY(condition)                                     \
    do {                                                               \
        for (int ticks_ = 0; ticks_ < 200 && !(condition); ticks_++) { \
            vTaskDelay(1);                                             \
        }                                                              \
        TEST_TRUE(condition);                                          \
    } while (0)

#define TEST_IS_WANTED(name) \
    (board_argc < 3 || strcmp(board_argv[1], "--only") != 0 || strcmp(board_argv[2], name) == 0)

/** A board that panics starts again: the tests are not run a second time. */
#define TEST_RUN(test)                                          \
    do {                                                        \
        if (!TEST_IS_WANTED(#test)) {                           \
            break;                                              \
        }                                                       \
        if (board_hello()->reset_reason == BOARD_RESET_PANIC) { \
            TEST_FAIL("%s", "there was a panic");               \
        }                                                       \
        printf("- %s\n", #test);                                \
        test();                                                 \
    } while (0)

#define TEST_END()              \
    do {                        \
        printf("all passed\n"); \
        board_exit(0);          \
    } while (0)
