/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Stands before libc's header of this name: the program's network interfaces are lwIP's.
 */
#pragma once

#include "lwip/if_api.h"
#include "lwip/sockets.h"
