/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Hints for the compiler.
 */
#pragma once

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
