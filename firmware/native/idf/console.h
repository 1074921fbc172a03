/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The serial line: each call is one write, and no two tasks write at once.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

int console_vprintf(const char *format, va_list args);
void console_write(const void *data, size_t len);

/** The panic handler takes the line for itself; other tasks that write from now on stop for ever. */
void console_seize(void);
