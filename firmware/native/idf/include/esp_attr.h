/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Placement attributes of the chip's memories: a program of the native board has one memory, so most mean nothing.
 */
#pragma once

#define IRAM_ATTR
#define DRAM_ATTR
#define DMA_ATTR
#define RTC_DATA_ATTR
#define RTC_NOINIT_ATTR
#define NOINLINE_ATTR     __attribute__((noinline))
#define FORCE_INLINE_ATTR static inline __attribute__((always_inline))
#define DRAM_STR(str)     (str)
#define WORD_ALIGNED_ATTR __attribute__((aligned(4)))
