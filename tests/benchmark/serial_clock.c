/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A program that says when it speaks: a line with CLOCK_MONOTONIC in nanoseconds each few milliseconds, for ever.
 * Whoever waits for such a line can tell how long it was under way. Uses libc alone, so that any rig can run it.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define DEFAULT_INTERVAL_MS 5

int main(int argc, char **argv)
{
    long interval_ms = argc > 1 ? strtol(argv[1], NULL, 10) : DEFAULT_INTERVAL_MS;
    const struct timespec interval = {interval_ms / 1000, interval_ms % 1000 * 1000000};
    printf("serial_clock: ready\n");
    for (unsigned n = 0;; n++) {
        struct timespec now;
        fflush(stdout);
        nanosleep(&interval, NULL);
        clock_gettime(CLOCK_MONOTONIC, &now);
        printf("tick %u at %lld\n", n, (long long)now.tv_sec * 1000000000LL + now.tv_nsec);
    }
}
