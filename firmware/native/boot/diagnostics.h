/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the supervisor has to say to the person who started it: one line on stderr, `native-board: <what>: <what to
 * do>`. Never on stdout, which carries the serial line and nothing else.
 */
#pragma once

#include <stdio.h>

#define diagnose(...) (fprintf(stderr, "native-board: " __VA_ARGS__), fputc('\n', stderr))
