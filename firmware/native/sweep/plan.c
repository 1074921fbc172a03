/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * An operation in an app slot is cut twice: not done at all, and half done. Those in nvs and otadata are few, and
 * everything hangs on them: they are torn in other ways as well, and the start after the cut is cut in turn.
 */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

#define OPS_MAX        20000
#define APP_SLOTS_FROM 0x20000u /* where app slots begin; nvs and otadata lie before */
#define SLOT_STRIDE    16       /* of the cuts in a slot one in so many is followed to the end */
#define ENTRY_BYTES    32u      /* of nvs and otadata: what they write at once is torn at each of its words */

static const struct cut NO_CUT;
static struct reference *being_made;

static void write_down(unsigned long number, const struct flash_op *op)
{
    if (number > OPS_MAX) {
        sweep_failed("more than %d flash operations", OPS_MAX);
    }
    being_made->ops[number - 1] = *op;
}

static void run_once(struct reference *ref, const struct scenario *s)
{
    s->prepare();
    memcpy(ref->flash, board_flash(), BOARD_FLASH_BYTES);
    being_made = ref;
    board_watch(write_down);
    const struct life *life = board_live(&s->world, &NO_CUT, BOOTS_MAX);
    board_watch(NULL);
    const char *log = board_log();
    if (life->end != LIFE_SETTLED || strcmp(life->version, s->after->version) != 0 ||
        (s->world.counter != 0 && !life->trigger_accepted)) {
        sweep_failed("%s: with the power on it ends with %s, end %d:\n%s", s->name, life->version, (int)life->end, log);
    }
    ref->op_count = life->ops;
    ref->accepted_after_ops = life->trigger_accepted ? life->accepted_after_ops : life->ops;
}

bool plan_in_slot(const struct flash_op *op)
{
    return op->addr >= APP_SLOTS_FROM;
}

static void add(struct plan *plan, const struct job *like, long torn_bytes, enum flash_tear tear)
{
    if (plan->job_count % 4096 == 0) {
        plan->jobs = realloc(plan->jobs, (plan->job_count + 4096) * sizeof *plan->jobs);
        if (!plan->jobs) {
            sweep_failed("no memory for the plan");
        }
    }
    struct job *job = &plan->jobs[plan->job_count++];
    *job = *like;
    job->cut.torn_bytes = torn_bytes;
    job->cut.tear = tear;
    plan->torn_count += torn_bytes >= 0;
}

static void add_op(struct plan *plan, unsigned number, unsigned long op_number, const struct flash_op *op, bool smoke)
{
    const bool slot = plan_in_slot(op);
    struct job job = {.scenario = (uint8_t)number,
                      .to_the_end = !slot || op_number % SLOT_STRIDE == 0,
                      .again = !slot && !smoke,
                      .cut = {.op = (long)op_number}};

    add(plan, &job, -1, FLASH_TEAR_FIRST);
    add(plan, &job, op->len / 2, FLASH_TEAR_FIRST);
    if (slot || smoke) {
        return;
    }
    job.again = false;
    add(plan, &job, op->len / 2, FLASH_TEAR_LAST);
    add(plan, &job, 0, FLASH_TEAR_BITS);
    if (op->is_erase) {
        add(plan, &job, 0, FLASH_TEAR_ZERO);
        return;
    }
    for (uint32_t torn = 4; torn < op->len && torn < ENTRY_BYTES; torn += 4) {
        if (torn != op->len / 2) {
            add(plan, &job, torn, FLASH_TEAR_FIRST);
        }
    }
}

static void add_scenario(struct plan *plan, unsigned number, const struct plan_extent *extent)
{
    const struct reference *ref = &plan->references[number];
    unsigned long in_slots = 0, seen = 0, slot_ops = extent->slot_ops;

    for (unsigned long i = 0; i < ref->op_count; i++) {
        in_slots += plan_in_slot(&ref->ops[i]);
    }
    for (unsigned long i = 0; i < ref->op_count; i++) {
        bool chosen = true;
        if (plan_in_slot(&ref->ops[i])) {
            chosen =
                slot_ops == 0 || slot_ops >= in_slots || seen * slot_ops / in_slots != (seen + 1) * slot_ops / in_slots;
            seen++;
        }
        if (chosen) {
            add_op(plan, number, i + 1, &ref->ops[i], extent->smoke);
        }
    }
}

void plan_make(struct plan *plan, const struct plan_extent *extent)
{
    *plan = (struct plan){0};
    for (unsigned i = 0; i < SCENARIOS; i++) {
        struct reference *ref = &plan->references[i];
        if (extent->only && strcmp(extent->only, scenario(i)->name) != 0) {
            continue;
        }
        ref->flash = malloc(BOARD_FLASH_BYTES);
        ref->ops = board_shared(OPS_MAX * sizeof *ref->ops); /* a boot's process writes them */
        if (!ref->flash) {
            sweep_failed("no memory for a flash");
        }
        run_once(ref, scenario(i));
        add_scenario(plan, i, extent);
    }
}

void plan_free(struct plan *plan)
{
    for (unsigned i = 0; i < SCENARIOS; i++) {
        free(plan->references[i].flash);
    }
    free(plan->jobs);
}

void plan_restore(const struct plan *plan, unsigned number)
{
    memcpy(board_flash(), plan->references[number].flash, BOARD_FLASH_BYTES);
}
