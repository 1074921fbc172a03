/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What ESP-IDF's linux target leaves to the program.
 */
#include <signal.h>
#include <time.h>

#include "esp_timer.h"

/* There is the header of esp_timer, and no timer. */
int64_t esp_timer_get_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* The host's send() to a connection that was shut down ends the process; lwIP's returns an error, as it must here. */
static void __attribute__((constructor)) ignore_sigpipe(void)
{
    signal(SIGPIPE, SIG_IGN);
}
