/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Stands before libc's header of this name: names are resolved by lwIP.
 */
#pragma once

/* Angle brackets: found beside this file, #include_next in it would find itself. */
#include <lwip/netdb.h>
