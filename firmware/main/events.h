/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the board tells the bench: one line `@hil {"n":…,"t":…,"ev":"…",…}` an event on the console.
 */
#pragma once

#include <stddef.h>

/** Must be called once, before any other task may call event(). */
void events_init(void);

/**
 * Prints one event. Any task; not from an interrupt.
 *
 * @param ev  the event's name
 * @param fmt printf format of the fields, each `"name":value` with commas between; "" for none. A string that comes
 * from outside must have gone through event_quote().
 */
void event(const char *ev, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Writes @p text as a JSON string, quotes included, cut short where @p size demands. @return @p out */
const char *event_quote(char *out, size_t size, const char *text);
