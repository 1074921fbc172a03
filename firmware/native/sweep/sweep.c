/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The power is cut at every flash operation of an update and of a rollback, and the board has to get over it. See
 * docs/power_cuts.md.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "esp_flash_partitions.h"

#include "image_file.h"
#include "summary.h"
#include "worker.h"
#include "wrong_order.h"

#define SMOKE_SLOT_OPS 12

#define EXIT_GOOD      0
#define EXIT_FOUND     1 /* a cut that the board did not get over */
#define EXIT_USAGE     2
#define EXIT_FAILED    3 /* the sweep itself */
#define EXIT_INTERRUPT 130

static const char USAGE[] =
    "usage: sweep [options] PARTITION-TABLE RELEASE-IMAGE UPDATE-IMAGE\n"
    "  --jobs N            processes at work (as many as there are processors)\n"
    "  --scenario NAME     this one alone\n"
    "  --slot-ops N        of each scenario's operations in app slots cut N, evenly spread (all)\n"
    "  --smoke             a sample that takes seconds\n"
    "  --json FILE         write the figures there\n"
    "  --findings FILE     write there what was found, with the board's log\n"
    "  --wrong-order NAME  for the sweep's own test: the app writes in an order known to be wrong\n";

struct options {
    long jobs;
    struct plan_extent extent;
    const char *json, *findings;
};

void sweep_failed(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("sweep: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    _exit(EXIT_FAILED);
}

__attribute__((format(printf, 1, 2), noreturn)) static void usage(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("sweep: ", stderr);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n%s", USAGE);
    va_end(args);
    exit(EXIT_USAGE);
}

static long number(const char *option, const char *text, long least)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (*text == '\0' || *end != '\0' || value < least || value > 1000000) {
        usage("--%s: '%s' is no whole number from %ld on", option, text, least);
    }
    return value;
}

static const char *known_scenario(const char *name)
{
    for (unsigned i = 0; i < SCENARIOS; i++) {
        if (strcmp(scenario(i)->name, name) == 0) {
            return name;
        }
    }
    usage("--scenario: there is no '%s'; there are first, back, update-only, rollback and panic", name);
}

static struct options read_options(int argc, char **argv)
{
    static const struct option LONG[] = {{"jobs", required_argument, NULL, 'j'},
                                         {"scenario", required_argument, NULL, 's'},
                                         {"slot-ops", required_argument, NULL, 'o'},
                                         {"smoke", no_argument, NULL, 'S'},
                                         {"json", required_argument, NULL, 'J'},
                                         {"findings", required_argument, NULL, 'f'},
                                         {"wrong-order", required_argument, NULL, 'w'},
                                         {"help", no_argument, NULL, 'h'},
                                         {NULL, 0, NULL, 0}};
    struct options options = {.jobs = sysconf(_SC_NPROCESSORS_ONLN)};
    int option;

    while ((option = getopt_long(argc, argv, "h", LONG, NULL)) != -1) {
        switch (option) {
        case 'j':
            options.jobs = number("jobs", optarg, 1);
            break;
        case 's':
            options.extent.only = known_scenario(optarg);
            break;
        case 'o':
            options.extent.slot_ops = (unsigned long)number("slot-ops", optarg, 1);
            break;
        case 'S':
            options.extent.smoke = true;
            options.extent.slot_ops = SMOKE_SLOT_OPS;
            break;
        case 'J':
            options.json = optarg;
            break;
        case 'f':
            options.findings = optarg;
            break;
        case 'w':
            if (!wrong_order_choose(optarg)) {
                usage("--wrong-order: '%s' is none of: %s", optarg, wrong_order_names());
            }
            break;
        case 'h':
            fputs(USAGE, stdout);
            exit(EXIT_GOOD);
        default:
            fputs(USAGE, stderr);
            exit(EXIT_USAGE);
        }
    }
    if (argc - optind != 3) {
        usage("a partition table and two images are needed");
    }
    return options;
}

static void start_worker(const struct plan *plan, struct progress *progress, const uint8_t *table)
{
    pid_t parent = getpid(), pid = fork();

    if (pid < 0) {
        sweep_failed("fork: %s", strerror(errno));
    }
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(EXIT_FAILED);
        }
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        board_open(table, ESP_PARTITION_TABLE_MAX_LEN);
        worker_run(plan, progress);
        _exit(EXIT_GOOD);
    }
}

/* @return EXIT_GOOD when all have done their work, EXIT_FAILED when one has not, EXIT_INTERRUPT on a signal */
static int wait_for_workers(const struct plan *plan, const struct progress *progress, long workers,
                            const sigset_t *signals, const struct timespec *began)
{
    const struct timespec pause = {.tv_sec = 1};
    int status;

    while (workers > 0) {
        int signal = sigtimedwait(signals, NULL, &pause);
        if (signal == SIGINT || signal == SIGTERM || signal == SIGHUP) {
            return EXIT_INTERRUPT;
        }
        for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0; workers--) {
            if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_GOOD) {
                return EXIT_FAILED; /* it has said why */
            }
        }
        summary_progress(plan, progress, began);
    }
    return EXIT_GOOD;
}

int main(int argc, char **argv)
{
    static uint8_t table[ESP_PARTITION_TABLE_MAX_LEN];
    struct options options = read_options(argc, argv);
    struct image release = image_file_read(argv[optind + 1]), update = image_file_read(argv[optind + 2]);
    struct timespec began;
    struct plan plan;
    sigset_t signals;

    image_file_read_table(argv[optind], table, sizeof table);
    if (strcmp(release.version, update.version) == 0) {
        usage("both images are version %s: an update goes from one to another", release.version);
    }
    clock_gettime(CLOCK_MONOTONIC, &began);
    struct progress *progress = board_shared(sizeof *progress);
    board_open(table, sizeof table);
    scenarios_load(&release, &update);
    plan_make(&plan, &options.extent);

    /* Blocked before the first worker is there, so that its end cannot be missed. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    for (long i = 0; i < options.jobs; i++) {
        start_worker(&plan, progress, table);
    }
    int result = wait_for_workers(&plan, progress, options.jobs, &signals, &began);
    summary_print(&plan, progress, &began, result == EXIT_GOOD);
    if (options.findings) {
        summary_write_findings(options.findings, progress);
    }
    if (result == EXIT_GOOD) { /* else the workers end with this process */
        if (options.json) {
            summary_write_json(options.json, &plan, progress, &began);
        }
        result = progress->finding_count > 0 ? EXIT_FOUND : EXIT_GOOD;
    }
    plan_free(&plan);
    return result;
}
