/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Event groups, under the kernel lock: whoever sets bits decides which waiters are content, and what they get to see.
 */
#include <string.h>

#include "native_kernel.h"
#include "esp_heap_caps.h"
#include "freertos/event_groups.h"

#define EVENT_BITS_MASK 0x00ffffffu

struct EventGroupDef_t {
    EventBits_t bits;
    bool is_static;
    struct wait_list waiters;
};

_Static_assert(sizeof(struct EventGroupDef_t) <= sizeof(StaticEventGroup_t), "StaticEventGroup_t must hold a group");

static EventGroupHandle_t create(StaticEventGroup_t *storage)
{
    EventGroupHandle_t group =
        storage != NULL ? (EventGroupHandle_t)storage : heap_caps_malloc(sizeof(*group), MALLOC_CAP_8BIT);
    if (group != NULL) {
        memset(group, 0, sizeof(*group));
        group->is_static = storage != NULL;
    }
    return group;
}

EventGroupHandle_t xEventGroupCreate(void)
{
    return create(NULL);
}

EventGroupHandle_t xEventGroupCreateStatic(StaticEventGroup_t *storage)
{
    return create(storage);
}

void vEventGroupDelete(EventGroupHandle_t group)
{
    kernel_lock();
    while (group->waiters.first != NULL) {
        group->waiters.first->got_bits = group->bits;
        kernel_wake(group->waiters.first);
    }
    kernel_unlock();
    if (!group->is_static) {
        heap_caps_free(group);
    }
}

static bool content(EventBits_t bits, EventBits_t wanted, bool all)
{
    return all ? (bits & wanted) == wanted : (bits & wanted) != 0;
}

/* With the lock held. */
static void set_bits(EventGroupHandle_t group, EventBits_t bits)
{
    EventBits_t to_clear = 0;
    group->bits |= bits & EVENT_BITS_MASK;
    struct tskTaskControlBlock *next;
    for (struct tskTaskControlBlock *waiter = group->waiters.first; waiter != NULL; waiter = next) {
        next = waiter->next_waiter;
        if (content(group->bits, waiter->wanted_bits, waiter->want_all)) {
            if (waiter->clear_bits) {
                to_clear |= waiter->wanted_bits; /* only when all waiters have been looked at: all see the same */
            }
            waiter->got_bits = group->bits;
            kernel_wake(waiter);
        }
    }
    group->bits &= ~to_clear;
}

/* With the lock held. */
static EventBits_t wait_bits(EventGroupHandle_t group, EventBits_t bits, bool clear, bool all, TickType_t ticks)
{
    EventBits_t now = group->bits;
    if (content(now, bits, all)) {
        if (clear) {
            group->bits &= ~bits;
        }
        return now;
    }
    if (ticks == 0) {
        return now;
    }
    struct tskTaskControlBlock *self = kernel_self();
    self->wanted_bits = bits;
    self->want_all = all;
    self->clear_bits = clear;
    if (kernel_block(&group->waiters, kernel_deadline_us(ticks))) {
        return self->got_bits;
    }
    now = group->bits;
    if (clear && content(now, bits, all)) {
        group->bits &= ~bits;
    }
    return now;
}

EventBits_t xEventGroupSetBits(EventGroupHandle_t group, EventBits_t bits)
{
    kernel_lock();
    set_bits(group, bits);
    EventBits_t now = group->bits;
    kernel_unlock();
    return now;
}

EventBits_t xEventGroupClearBits(EventGroupHandle_t group, EventBits_t bits)
{
    kernel_lock();
    EventBits_t before = group->bits;
    group->bits &= ~bits;
    kernel_unlock();
    return before;
}

EventBits_t xEventGroupWaitBits(EventGroupHandle_t group, EventBits_t bits, BaseType_t clear_on_exit,
                                BaseType_t wait_for_all, TickType_t ticks)
{
    configASSERT(bits != 0 && (bits & ~EVENT_BITS_MASK) == 0);
    kernel_lock();
    EventBits_t got = wait_bits(group, bits, clear_on_exit, wait_for_all, ticks);
    kernel_unlock();
    return got;
}

EventBits_t xEventGroupSync(EventGroupHandle_t group, EventBits_t set, EventBits_t wait_for, TickType_t ticks)
{
    kernel_lock();
    EventBits_t with_set = group->bits | set;
    set_bits(group, set);
    EventBits_t got;
    if (content(with_set, wait_for, true)) {
        group->bits &= ~wait_for;
        got = with_set;
    } else {
        got = wait_bits(group, wait_for, true, true, ticks);
    }
    kernel_unlock();
    return got;
}
