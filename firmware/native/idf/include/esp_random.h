/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Random numbers, from the seed that the supervisor gave: the same seed gives the same run as far as time allows.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

uint32_t esp_random(void);
void esp_fill_random(void *buf, size_t len);

#ifdef __cplusplus
}
#endif
