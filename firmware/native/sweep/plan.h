/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Which cuts are made: each scenario is run once with the power on, its flash operations are written down, and each
 * gets its cuts.
 */
#pragma once

#include "scenario.h"

/** A scenario as it went with the power on. */
struct reference {
    uint8_t *flash; /* as it begins */
    struct flash_op *ops;
    unsigned long op_count;
    unsigned long accepted_after_ops; /* op_count when no trigger is in it */
};

/** One cut to be made. */
struct job {
    uint8_t scenario;
    bool to_the_end; /* see verdict_after_cut() */
    bool again;      /* and then one at every operation of the start after it, those in app slots left out */
    struct cut cut;
};

struct plan {
    struct reference references[SCENARIOS];
    struct job *jobs;
    size_t job_count;
    size_t torn_count;
};

struct plan_extent {
    const char *only;       /* a scenario's name, NULL: all */
    unsigned long slot_ops; /* of each scenario's operations in app slots so many are cut, evenly spread; 0: all */
    bool smoke;             /* each operation once cleanly and once torn, no second cuts */
};

/** Runs every scenario once and plans the cuts. */
void plan_make(struct plan *plan, const struct plan_extent *extent);

void plan_free(struct plan *plan);

/** Whether it lies in an app slot. */
bool plan_in_slot(const struct flash_op *op);

/** The flash as scenario @p number begins. */
void plan_restore(const struct plan *plan, unsigned number);
