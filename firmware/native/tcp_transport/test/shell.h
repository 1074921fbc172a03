/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A board program that does what it is told on the serial line, so that a test is one story in one place, in Python.
 *
 * A command is a line of words. Its handler prints one line that begins with "= "; what happens by itself begins
 * with "! ".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct shell_line {
    int count;
    char *words[24];
};

typedef void (*shell_handler_t)(const struct shell_line *line);

struct shell_command {
    const char *name;
    shell_handler_t run;
};

/* What the test sent before as "blob NAME HEX", a zero behind it; NULL when there is none. For what is no word, such as
 * certificates. *len may be NULL. */
const char *shell_blob(const char *name, size_t *len);

/* Brings the network up, says "! ready", then runs commands until the serial line ends. */
void shell_run(const struct shell_command *commands);

const char *shell_word(const struct shell_line *line, int index, const char *fallback);
int shell_number(const struct shell_line *line, int index, int fallback);
/* The value of a word key=value, or the fallback. */
const char *shell_option(const struct shell_line *line, const char *key, const char *fallback);
int shell_option_number(const struct shell_line *line, const char *key, int fallback);
