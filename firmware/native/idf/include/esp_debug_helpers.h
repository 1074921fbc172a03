/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Prints where the calling task stands, in the form the panic handler uses.
 */
#pragma once

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

esp_err_t esp_backtrace_print(int depth);

#ifdef __cplusplus
}
#endif
