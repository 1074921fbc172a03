/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Workers: processes with a board each, who make the cuts of a plan one after the other and judge what comes of them.
 */
#pragma once

#include <stdatomic.h>

#include "plan.h"
#include "verdict.h"

#define FINDINGS_MAX 20

/** In memory that all workers share. */
struct progress {
    atomic_ulong next_job;
    atomic_ulong jobs_done;
    atomic_ulong cuts; /* second ones included */
    atomic_ulong torn;
    atomic_ulong second; /* cuts of a start after a cut */
    atomic_ulong by_verdict[4];
    atomic_ulong finding_count; /* of those below; further ones are only counted */
    struct {
        struct finding finding;
        unsigned scenario;
        struct cut cut;
        long second_op; /* 0: it was one cut */
        struct flash_op op;
        char log[6000]; /* its end */
    } findings[FINDINGS_MAX];
};

/** Makes cuts until the plan is done. */
void worker_run(const struct plan *plan, struct progress *progress);
