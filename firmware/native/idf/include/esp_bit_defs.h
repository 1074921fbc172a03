/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Names of single bits.
 */
#pragma once

#define BIT(nr)   (1UL << (nr))
#define BIT64(nr) (1ULL << (nr))
#define BIT0      BIT(0)
#define BIT1      BIT(1)
#define BIT2      BIT(2)
#define BIT3      BIT(3)
#define BIT4      BIT(4)
#define BIT5      BIT(5)
#define BIT6      BIT(6)
#define BIT7      BIT(7)
