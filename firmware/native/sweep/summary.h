/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a person and a program are told of a sweep.
 */
#pragma once

#include <time.h>

#include "worker.h"

/** On stderr: one line that changes on a terminal, else one now and then. */
void summary_progress(const struct plan *plan, const struct progress *progress, const struct timespec *began);

/** On stdout, at the end. @p whole: every planned cut was made */
void summary_print(const struct plan *plan, const struct progress *progress, const struct timespec *began, bool whole);

void summary_write_json(const char *path, const struct plan *plan, const struct progress *progress,
                        const struct timespec *began);

/** Each finding with the end of the board's log. No file when there is none; an old one goes. */
void summary_write_findings(const char *path, struct progress *progress);
