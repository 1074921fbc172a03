/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Stands before libc's header of this name: addresses are lwIP's.
 */
#pragma once

#include "lwip/inet.h"
#include "lwip/sockets.h"
