/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The program on the board as a child process: started with the descriptors of board_link.h, killed, reaped. It never
 * outlives the supervisor, and nothing that it started outlives it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct program {
    pid_t pid; /* 0 while none runs */
    int net_fd, link_fd;
    int64_t started_ms;
};

struct program_image {
    int elf_fd;
    char *const *argv;
};

/** Copies @p size bytes at flash address @p addr to memory that can be executed. @return a descriptor or -1. */
int program_load(uint32_t addr, uint32_t size);

/**
 * Starts the program.
 *
 * @param[out] from_program, to_program  the supervisor's ends of the serial line; the caller's from then on
 * @return 0, or the errno that kept it from running
 */
int program_start(struct program *program, const struct program_image *image, int flash_fd, int *from_program,
                  int *to_program);

/** Kills it and what it has forked; it stays to be reaped. */
void program_kill(const struct program *program);

/** Takes ended processes. @return true when the program was among them, its wait status in @p status. */
bool program_reap(struct program *program, int *status);

/** Kills it and waits: for the supervisor's own end. */
void program_end(struct program *program);
