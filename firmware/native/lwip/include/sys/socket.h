/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Stands before libc's header of this name: the program's sockets are lwIP's.
 */
#pragma once

#include "lwip/sockets.h"
