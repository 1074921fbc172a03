/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * For Arduino, whose libraries have no include folder but this one. ESP-IDF takes the header from include/.
 */
#pragma once

#include "../include/httpd_graceful_stop.h"
