/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Ways to fail at boot, for the control image (CONFIG_HIL_BOOT_FAULTS): as an update it must be rolled back, whatever
 * is wrong with it. In an image without them the calls vanish.
 */
#pragma once

#include "sdkconfig.h"

#if CONFIG_HIL_BOOT_FAULTS

/**
 * Here the boot ends, when the provisioned `boot_fault` is @p name: `panic` aborts, any other waits for ever. A point
 * of the boot; after settings_load().
 */
void boot_fault(const char *name);

#else

static inline void boot_fault(const char *name)
{
    (void)name;
}

#endif
