/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The pseudo terminal of --serial pty: raw, and able to tell whether somebody has its other side open.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/**
 * @param[out] name    path for the one who wants to attach
 * @param[out] events  becomes readable at each change of the master: input, somebody came, somebody left
 * @return the master, non-blocking; -1 with the reason in @p why
 */
int pty_open(char *name, size_t name_size, int *events, char *why, size_t why_size);

bool pty_is_attached(int master);

/** What a reader that left has not read would come to the next one first. */
void pty_forget_unread(int master, const char *name);
