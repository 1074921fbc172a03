/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_OPS_MAX 200

static const struct cut NO_CUT;

/* Operations of the start after a cut, outside app slots; written by the boot's process. */
static struct {
    unsigned count;
    long ops[SECOND_OPS_MAX];
} * second_ops;

struct work {
    const struct plan *plan;
    struct progress *progress;
    uint8_t *flash_after_cut;
};

static void count(struct progress *progress, const struct cut *cut, bool second)
{
    atomic_fetch_add(&progress->cuts, 1);
    atomic_fetch_add(&progress->torn, cut->torn_bytes >= 0);
    atomic_fetch_add(&progress->second, second);
}

static void report(struct work *work, const struct job *job, long second_op, const struct finding *finding)
{
    struct progress *progress = work->progress;
    const char *log = board_log();

    atomic_fetch_add(&progress->by_verdict[finding->verdict], 1);
    if (finding->verdict == VERDICT_GOOD) {
        return;
    }
    unsigned long at = atomic_fetch_add(&progress->finding_count, 1);
    if (at >= FINDINGS_MAX) {
        return;
    }
    size_t len = strlen(log), room = sizeof progress->findings[at].log - 1;
    progress->findings[at].finding = *finding;
    progress->findings[at].scenario = job->scenario;
    progress->findings[at].cut = job->cut;
    progress->findings[at].second_op = second_op;
    progress->findings[at].op = work->plan->references[job->scenario].ops[job->cut.op - 1];
    snprintf(progress->findings[at].log, room + 1, "%s", len > room ? log + len - room : log);
}

static void cut_once(struct work *work, const struct job *job)
{
    const struct reference *ref = &work->plan->references[job->scenario];
    const struct flash_op *op = &ref->ops[job->cut.op - 1];

    plan_restore(work->plan, job->scenario);
    const struct life *life = board_live(&scenario(job->scenario)->world, &job->cut, BOOTS_MAX);
    if (life->end != LIFE_CUT || life->last_op.addr != op->addr || life->last_op.len != op->len ||
        life->last_op.is_erase != op->is_erase) {
        sweep_failed("%s, operation %ld: not what it was with the power on (end %d, 0x%x and not 0x%x):\n%s",
                     scenario(job->scenario)->name, job->cut.op, (int)life->end, life->last_op.addr, op->addr,
                     board_log());
    }
    count(work->progress, &job->cut, false);
}

static void note_second_op(unsigned long number, const struct flash_op *op)
{
    if (!plan_in_slot(op) && second_ops->count < SECOND_OPS_MAX) {
        second_ops->ops[second_ops->count++] = (long)number;
    }
}

/* The start after the cut is cut as well, at each of its operations. */
static void cut_again(struct work *work, const struct job *job, bool accepted)
{
    const struct scenario *s = scenario(job->scenario);
    struct world world = s->world;

    world.counter = 0;
    cut_once(work, job);
    memcpy(work->flash_after_cut, board_flash(), BOARD_FLASH_BYTES);
    second_ops->count = 0;
    board_watch(note_second_op);
    board_live(&world, &NO_CUT, BOOTS_MAX);
    board_watch(NULL);
    for (unsigned i = 0; i < 2 * second_ops->count; i++) {
        const struct cut second = {.op = second_ops->ops[i / 2], .torn_bytes = i % 2 ? 16 : -1};
        memcpy(board_flash(), work->flash_after_cut, BOARD_FLASH_BYTES);
        board_live(&world, &second, BOOTS_MAX);
        count(work->progress, &second, true);
        const struct finding finding = verdict_after_cut(s, accepted, true);
        report(work, job, second.op, &finding);
    }
}

void worker_run(const struct plan *plan, struct progress *progress)
{
    struct work work = {plan, progress, malloc(BOARD_FLASH_BYTES)};
    unsigned long at;

    second_ops = board_shared(sizeof *second_ops);
    if (!work.flash_after_cut) {
        sweep_failed("no memory for a flash");
    }
    while ((at = atomic_fetch_add(&progress->next_job, 1)) < plan->job_count) {
        const struct job *job = &plan->jobs[at];
        const bool accepted = job->cut.op > (long)plan->references[job->scenario].accepted_after_ops;
        cut_once(&work, job);
        const struct finding finding = verdict_after_cut(scenario(job->scenario), accepted, job->to_the_end);
        report(&work, job, 0, &finding);
        if (job->again && finding.verdict == VERDICT_GOOD) {
            cut_again(&work, job, accepted);
        }
        atomic_fetch_add(&progress->jobs_done, 1);
    }
}
