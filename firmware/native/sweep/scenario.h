/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The updates and rollbacks whose every flash operation is swept, one row each.
 */
#pragma once

#include "board.h"

#define SCENARIOS 5

struct scenario {
    const char *name;
    const char *what;           /* one line for a person */
    const struct image *before; /* runs when it begins */
    const struct image *after;  /* runs in the end, when the power stays; the same as before: a rollback */
    const struct image *other;  /* whichever of the two images is not `before` */
    uint64_t counter_before;    /* of the trigger accepted last */
    struct world world;
    void (*prepare)(void); /* into board_flash() */
};

/** Takes the images that all scenarios go back and forth between. Once, before the rest. */
void scenarios_load(const struct image *release, const struct image *update);

/** The @p number-th of SCENARIOS. */
const struct scenario *scenario(unsigned number);
