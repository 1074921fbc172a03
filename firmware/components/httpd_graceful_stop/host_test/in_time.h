/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Bounds of time, on a host that may be busy with other things.
 *
 * A bound is never widened. Where one was not held, and the host was seen to be late by as much meanwhile, the run says
 * nothing: it goes on, so that it tidies up, and the test is run again. So a test passes only by a run in which every
 * bound held, and a component that is too slow fails: at once on a quiet host, at the latest after RUNS runs.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "board_test.h"

/** Both ends included, as TEST_WITHIN. Inside of TIMED_RUN. */
#define IN_TIME(low, high, actual)                                                             \
    do {                                                                                       \
        long long took_ = (long long)(actual);                                                 \
        if (took_ <= (long long)(high) || !in_time_host_was_late(took_ - (long long)(high))) { \
            TEST_WITHIN(low, high, took_);                                                     \
        }                                                                                      \
    } while (0)

/** As TEST_RUN, for a test that can be run again. */
#define TIMED_RUN(test)                           \
    for (int run_ = 1; in_time_run(run_); run_++) \
    TEST_RUN(test)

/** Begins to watch the host; once a program. */
void in_time_watch(void);

/** What the host was late before now is forgotten. */
void in_time_begin(void);

/** Whether that can explain so much; then the test is to be run again. With "--only NAME --strict" nothing can. */
bool in_time_host_was_late(long long by_ms);

/** @return whether a test is to be run for that time: the first, or because the one before said nothing */
bool in_time_run(int run);
