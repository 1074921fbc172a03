/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Stands before libc's header of this name: TCP options are lwIP's.
 */
#pragma once

#include "lwip/sockets.h"
