/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Critical sections: recursive spinlocks, as on a chip with two cores.
 */
#include <sched.h>

#include "native_kernel.h"

#define SPINS_BEFORE_YIELD 100

static uint32_t thread_number(void)
{
    static atomic_uint last;
    static __thread uint32_t number;
    if (number == 0) {
        number = atomic_fetch_add(&last, 1) + 1;
    }
    return number;
}

void vPortEnterCritical(portMUX_TYPE *mux)
{
    uint32_t self = thread_number();
    kernel_hold();
    if (__atomic_load_n(&mux->owner, __ATOMIC_RELAXED) != self) {
        for (unsigned spins = 1;; spins++) {
            uint32_t expected = 0;
            if (__atomic_compare_exchange_n(&mux->owner, &expected, self, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
                break;
            }
            if (spins % SPINS_BEFORE_YIELD == 0) {
                sched_yield();
            }
        }
    }
    mux->count++;
}

void vPortExitCritical(portMUX_TYPE *mux)
{
    configASSERT(__atomic_load_n(&mux->owner, __ATOMIC_RELAXED) == thread_number());
    if (--mux->count == 0) {
        __atomic_store_n(&mux->owner, 0, __ATOMIC_RELEASE);
    }
    kernel_release();
}

BaseType_t xPortGetCoreID(void)
{
    return 0;
}

BaseType_t xPortInIsrContext(void)
{
    return pdFALSE;
}

void vPortYield(void)
{
    sched_yield();
}
