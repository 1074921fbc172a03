/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * An erased flash for test programs that were given none.
 */
#pragma once

/** @return a descriptor of a flash file in memory: 4 MB, erased but for a partition table with one nvs partition; -1 */
int scratch_flash_create(void);
