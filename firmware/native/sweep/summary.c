/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "summary.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_EVERY_S 10 /* where stderr is no terminal */

static double seconds_since(const struct timespec *began)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - began->tv_sec) + (double)(now.tv_nsec - began->tv_nsec) / 1e9;
}

static unsigned long bricked(const struct progress *p)
{
    return p->by_verdict[VERDICT_BRICKED];
}

void summary_progress(const struct plan *plan, const struct progress *p, const struct timespec *began)
{
    static double last_s;
    double s = seconds_since(began);
    bool terminal = isatty(STDERR_FILENO);

    if (!terminal && s - last_s < LINE_EVERY_S) {
        return;
    }
    last_s = s;
    double left_s = p->jobs_done ? s / (double)p->jobs_done * (double)(plan->job_count - p->jobs_done) : 0;
    fprintf(stderr, "%s%lu of %zu places cut, %lu cuts, %lu findings, %.0f s left%s", terminal ? "\r\033[K" : "",
            p->jobs_done, plan->job_count, p->cuts, p->finding_count, left_s, terminal ? "" : "\n");
    fflush(stderr);
}

static const char *tear_name(const struct cut *cut)
{
    static const char *const NAMES[] = {"first bytes done", "last bytes done", "every other bit done", "cleared"};
    return cut->torn_bytes < 0 ? "not done at all" : NAMES[cut->tear];
}

static void tell_finding(FILE *to, const struct progress *p, unsigned long i)
{
    const struct cut *cut = &p->findings[i].cut;

    fprintf(to, "%s, operation %ld (%s 0x%x, %u bytes), %s", scenario(p->findings[i].scenario)->name, cut->op,
            p->findings[i].op.is_erase ? "erase of" : "write to", p->findings[i].op.addr, p->findings[i].op.len,
            tear_name(cut));
    if (p->findings[i].second_op) {
        fprintf(to, ", and again at operation %ld of the start after it", p->findings[i].second_op);
    }
    fprintf(to, ":\n    %s\n", p->findings[i].finding.why);
}

static unsigned long told(const struct progress *p)
{
    return p->finding_count < FINDINGS_MAX ? p->finding_count : FINDINGS_MAX;
}

void summary_print(const struct plan *plan, const struct progress *p, const struct timespec *began, bool whole)
{
    double s = seconds_since(began);

    if (isatty(STDERR_FILENO)) {
        fputs("\r\033[K", stderr);
    }
    for (unsigned i = 0; i < SCENARIOS; i++) {
        if (plan->references[i].op_count) {
            printf("  %-12s %5lu operations  %s\n", scenario(i)->name, plan->references[i].op_count, scenario(i)->what);
        }
    }
    for (unsigned long i = 0; i < told(p); i++) {
        tell_finding(stdout, p, i);
    }
    printf("%s%lu cuts, %lu of them torn and %lu in the start after a cut: %lu bricked, %lu lost nvs, %lu misled\n"
           "%.0f s, %.0f cuts a minute\n",
           whole ? "" : "not finished: ", p->cuts, p->torn, p->second, bricked(p), p->by_verdict[VERDICT_LOST_NVS],
           p->by_verdict[VERDICT_MISLED], s, (double)p->cuts * 60 / s);
}

static FILE *open_new(const char *path)
{
    FILE *f = fopen(path, "w");

    if (!f) {
        sweep_failed("%s: %s", path, strerror(errno));
    }
    return f;
}

static void close_new(FILE *f, const char *path)
{
    if (ferror(f) | fclose(f)) {
        sweep_failed("%s: could not be written", path);
    }
}

void summary_write_json(const char *path, const struct plan *plan, const struct progress *p,
                        const struct timespec *began)
{
    unsigned long operations = 0;
    FILE *f = open_new(path);

    for (unsigned i = 0; i < SCENARIOS; i++) {
        operations += plan->references[i].op_count;
    }
    fprintf(f,
            "{\"operations\": %lu, \"cuts\": %lu, \"torn\": %lu, \"second_cuts\": %lu, \"bricked\": %lu,"
            " \"lost_nvs\": %lu, \"misled\": %lu, \"seconds\": %.1f}\n",
            operations, p->cuts, p->torn, p->second, bricked(p), p->by_verdict[VERDICT_LOST_NVS],
            p->by_verdict[VERDICT_MISLED], seconds_since(began));
    close_new(f, path);
}

void summary_write_findings(const char *path, struct progress *p)
{
    unlink(path);
    if (!told(p)) {
        return;
    }
    FILE *f = open_new(path);
    for (unsigned long i = 0; i < told(p); i++) {
        tell_finding(f, p, i);
        fprintf(f, "%s\n", p->findings[i].log);
    }
    close_new(f, path);
}
