/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct cut NO_CUT;

__attribute__((format(printf, 2, 3))) static struct finding found(enum verdict verdict, const char *format, ...)
{
    struct finding finding = {.verdict = verdict};
    va_list args;

    va_start(args, format);
    vsnprintf(finding.why, sizeof finding.why, format, args);
    va_end(args);
    return finding;
}

static const char *end_name(enum life_end end)
{
    static const char *const NAMES[] = {"restarts",       "settled",  "lost its power",
                                        "boots no image", "has died", "restarts for ever"};
    return NAMES[end];
}

static bool runs(const struct life *life, const struct image *image)
{
    return memcmp(board_flash() + life->running, image->bytes, image->len) == 0;
}

/* What holds at the end of any life. @param image what must run; NULL: either of the scenario's */
static struct finding check(const char *when, const struct life *life, const struct scenario *s,
                            const struct image *image)
{
    if (life->end != LIFE_SETTLED) {
        return found(VERDICT_BRICKED, "%s: the board %s", when, end_name(life->end));
    }
    if (image ? !runs(life, image) : !runs(life, s->before) && !runs(life, s->other)) {
        return found(VERDICT_BRICKED, "%s: the image at 0x%x (%s) is not %s", when, life->running, life->version,
                     image ? image->version : "the old or the new one");
    }
    if (!life->confirmed) {
        return found(VERDICT_BRICKED, "%s: %s runs and never confirmed itself", when, life->version);
    }
    if (!life->nvs_whole) {
        return found(VERDICT_LOST_NVS, "%s: nvs has lost something", when);
    }
    if (life->misled) {
        return found(VERDICT_MISLED, "%s: otadata named a slot whose image is not whole", when);
    }
    return (struct finding){.verdict = VERDICT_GOOD};
}

static struct finding update(const struct scenario *s, const struct image *to, uint64_t counter, bool rejected)
{
    const struct image *from = to == s->before ? s->other : s->before;
    const struct world world = {.served = to, .counter = counter, .rejected = rejected ? to->version : NULL};
    const char *when = rejected ? "a next update, rejected" : "a next update";
    const struct life *life = board_live(&world, &NO_CUT, BOOTS_MAX);

    struct finding finding = check(when, life, s, rejected ? from : to);
    if (finding.verdict == VERDICT_GOOD && life->counter != counter) {
        finding = found(VERDICT_LOST_NVS, "%s: the counter is %llu, not %llu", when, (unsigned long long)life->counter,
                        (unsigned long long)counter);
    }
    return finding;
}

struct finding verdict_after_cut(const struct scenario *s, bool accepted, bool to_the_end)
{
    struct world world = s->world;
    uint64_t sent = s->world.counter ? s->world.counter : s->counter_before;

    world.counter = 0;
    const struct life *life = board_live(&world, &NO_CUT, BOOTS_MAX);
    struct finding finding = check("after the cut", life, s, s->after == s->before ? s->before : NULL);
    if (finding.verdict != VERDICT_GOOD) {
        return finding;
    }
    if (life->counter != sent && (accepted || life->counter != s->counter_before)) {
        return found(VERDICT_LOST_NVS, "after the cut: the counter is %llu, and %llu was accepted",
                     (unsigned long long)life->counter, (unsigned long long)sent);
    }
    const struct image *next = runs(life, s->before) ? s->other : s->before;
    if (to_the_end) {
        finding = update(s, next, sent + 1, true);
    }
    if (finding.verdict == VERDICT_GOOD) {
        finding = update(s, next, sent + 2, false);
    }
    if (finding.verdict == VERDICT_GOOD && to_the_end) {
        const struct world quiet = {.served = next};
        finding = check("started once more", board_live(&quiet, &NO_CUT, BOOTS_MAX), s, next);
    }
    return finding;
}
