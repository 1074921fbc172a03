/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The commands of the control socket.
 */
#pragma once

struct supervisor;

/** Runs one command line (which it takes apart). @return the answer, one line of JSON with its line end; free() it. */
char *command_run(struct supervisor *board, char *line);
