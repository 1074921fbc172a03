/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What must hold after the power has been cut, wherever that was.
 */
#pragma once

#include "scenario.h"

enum verdict {
    VERDICT_GOOD,
    VERDICT_BRICKED,  /* no whole image runs, or the board can no longer be updated or rolled back */
    VERDICT_LOST_NVS, /* something that was in nvs is not, or the counter is one that a replay would pass */
    VERDICT_MISLED,   /* otadata named a slot whose image is not whole: saved by the boot loader's check alone */
};

struct finding {
    enum verdict verdict;
    char why[200]; /* one line, when it is not good */
};

/**
 * Starts the board again as the cut left it. It must come up with the old or the new image, byte for byte, with all
 * that was in nvs, and must then take a good update.
 *
 * @param accepted the trigger was accepted before the cut, so its counter must be in nvs
 * @param to_the_end before the good update one that must be rolled back, and after it a start from power-on
 */
struct finding verdict_after_cut(const struct scenario *s, bool accepted, bool to_the_end);
