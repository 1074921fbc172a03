/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The kernel's lock, clock and wait lists.
 *
 * Every task sleeps on a word of its own, so that nothing is left waiting on an object when its task is frozen: the
 * one who freezes it takes it off its list. Wake-ups are sent after the lock has been released, or each woken
 * task would run into it at once.
 */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "native_kernel.h"

#define DEFERRED_WAKES 16

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all tasks, lists and kernel objects */
static atomic_uint *deferred[DEFERRED_WAKES];            /* to be woken when the lock is released */
static unsigned deferred_count;

static __thread struct tskTaskControlBlock *current;
static __thread struct tskTaskControlBlock foreign; /* for a thread that is no task: it may wait as well */
static __thread volatile int hold_count;

static int64_t start_ns;

static int64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

__attribute__((constructor(101))) static void remember_start(void)
{
    start_ns = monotonic_ns();
}

int64_t kernel_now_us(void)
{
    return (monotonic_ns() - start_ns) / 1000;
}

int64_t kernel_deadline_us(TickType_t ticks)
{
    const int64_t tick_us = 1000000 / configTICK_RATE_HZ;
    if (ticks == portMAX_DELAY) {
        return KERNEL_FOREVER;
    }
    /* A wait of n ticks ends at the n-th tick from now, so it lasts up to one tick less: as on a chip. */
    return (kernel_now_us() / tick_us + ticks) * tick_us;
}

bool kernel_futex_wait(atomic_uint *word, uint32_t value, int64_t deadline_us)
{
    struct timespec until;
    struct timespec *limit = NULL;
    if (deadline_us != KERNEL_FOREVER) {
        int64_t ns = start_ns + deadline_us * 1000;
        until = (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
        limit = &until;
    }
    long rc =
        syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, value, limit, NULL, FUTEX_BITSET_MATCH_ANY);
    return !(rc < 0 && errno == ETIMEDOUT);
}

void kernel_futex_wake(atomic_uint *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
}

void kernel_hold(void)
{
    hold_count = hold_count + 1;
    atomic_signal_fence(memory_order_seq_cst);
}

void kernel_release(void)
{
    atomic_signal_fence(memory_order_seq_cst);
    hold_count = hold_count - 1;
    atomic_signal_fence(memory_order_seq_cst);
    if (hold_count == 0 && current != NULL && atomic_load(&current->stop) != STOP_NONE) {
        kernel_stop_here();
    }
}

bool kernel_is_held(void)
{
    return hold_count != 0;
}

void kernel_lock(void)
{
    kernel_check_stack(kernel_self());
    kernel_hold();
    pthread_mutex_lock(&lock);
}

void kernel_unlock(void)
{
    atomic_uint *words[DEFERRED_WAKES];
    unsigned count = deferred_count;
    memcpy(words, deferred, count * sizeof(words[0]));
    deferred_count = 0;
    pthread_mutex_unlock(&lock);
    for (unsigned i = 0; i < count; i++) {
        /* The task may be gone by now: then nobody sleeps on this word, or somebody is woken in vain. */
        kernel_futex_wake(words[i]);
    }
    kernel_release();
}

void kernel_set_self(struct tskTaskControlBlock *task)
{
    current = task;
}

struct tskTaskControlBlock *kernel_self(void)
{
    return current != NULL ? current : &foreign;
}

TaskHandle_t xTaskGetCurrentTaskHandle(void)
{
    return current;
}

static void wait_list_add(struct wait_list *list, struct tskTaskControlBlock *task)
{
    struct tskTaskControlBlock **link = &list->first;
    while (*link != NULL && (*link)->priority >= task->priority) {
        link = &(*link)->next_waiter;
    }
    task->next_waiter = *link;
    *link = task;
    task->waiting_on = list;
}

void kernel_wait_list_remove(struct tskTaskControlBlock *task)
{
    if (task->waiting_on == NULL) {
        return;
    }
    struct tskTaskControlBlock **link = &task->waiting_on->first;
    while (*link != task) {
        link = &(*link)->next_waiter;
    }
    *link = task->next_waiter;
    task->waiting_on = NULL;
    task->next_waiter = NULL;
}

bool kernel_block(struct wait_list *list, int64_t deadline_us)
{
    struct tskTaskControlBlock *self = kernel_self();
    if (deadline_us != KERNEL_FOREVER && kernel_now_us() >= deadline_us) {
        return false;
    }
    self->orphaned = false;
    atomic_store(&self->wake, 0);
    wait_list_add(list, self);
    kernel_unlock();
    while (atomic_load(&self->wake) == 0 && kernel_futex_wait(&self->wake, 0, deadline_us)) {
        if (atomic_load(&self->stop) != STOP_NONE && hold_count == 0) {
            kernel_stop_here(); /* where signals are put off (ThreadSanitizer), the request is found here */
        }
    }
    kernel_lock();
    if (self->waiting_on != NULL) {
        kernel_wait_list_remove(self);
        return false;
    }
    return true;
}

void kernel_wake(struct tskTaskControlBlock *task)
{
    kernel_wait_list_remove(task);
    atomic_store(&task->wake, 1);
    if (deferred_count < DEFERRED_WAKES) {
        deferred[deferred_count++] = &task->wake;
    } else {
        kernel_futex_wake(&task->wake);
    }
}

bool kernel_wake_first(struct wait_list *list)
{
    if (list->first == NULL) {
        return false;
    }
    kernel_wake(list->first);
    return true;
}

void kernel_orphan_waiters(struct wait_list *list)
{
    static struct wait_list orphans;
    while (list->first != NULL) {
        struct tskTaskControlBlock *task = list->first;
        kernel_wait_list_remove(task);
        task->orphaned = true;
        wait_list_add(&orphans, task);
    }
}
