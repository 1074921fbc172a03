/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the command line of native-board says.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define MAX_FORWARDS 16

enum exit_code {
    EXIT_ENDED = 0,
    EXIT_USAGE = 2,
    EXIT_NO_START = 3
};

enum serial_kind {
    SERIAL_STDIO,
    SERIAL_PTY
};

struct forward {
    struct in_addr host_addr;
    uint16_t host_port; /* 0 asks for a free one */
    uint16_t board_port;
};

struct options {
    const char *flash_path; /* NULL only with program_path: an erased flash that nobody keeps */
    struct forward forwards[MAX_FORWARDS];
    int forward_count;
    uint32_t heap_kb;
    enum serial_kind serial;
    bool lifeline; /* pty: end when stdin ends, as stdio always does */
    const char *control_path;
    uint8_t mac[6];
    uint32_t seed;
    const char *program_path; /* NULL: boot from the flash */
    char **program_argv;
};

/** @return false when the program shall end with *exit_code; what was wrong has been said. */
bool options_parse(struct options *options, int argc, char **argv, int *exit_code);
