/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * libc's fd_set, with the FD_SETSIZE of a chip: code that sizes its tables by it must see the same number.
 */
#pragma once

#include_next <sys/select.h>

#undef FD_SETSIZE
#define FD_SETSIZE 64
