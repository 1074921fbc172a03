/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * For the sweep's own test alone: the app's flash writes in an order that is known to be wrong. A sweep that does not
 * find it proves nothing when it finds nothing.
 */
#pragma once

#include <stdbool.h>

/** Chooses one by name, for every boot from now on. @return false: there is no such order */
bool wrong_order_choose(const char *name);

/** The names, with blanks between. */
const char *wrong_order_names(void);

/** What a wrong order has put off until the restart. */
void wrong_order_before_restart(void);
