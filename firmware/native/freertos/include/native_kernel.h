/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The inside of the kernel, for the parts of the port that stand on it (heap, log, timers, panic) and for nobody else:
 * its lock, its wait lists, its clock, and the guard that keeps a task from being frozen while it holds a lock that is
 * not the kernel's.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

/* A 64-bit program needs more stack than a 32-bit one for the same code: pointers and saved registers are twice as
 * wide, there are twice as many of them, and libc's printf wants some 3 KB where newlib's wants 1. */
#define STACK_SCALE 4u

#define KERNEL_FOREVER INT64_MAX
#define STACK_FILL     0xA5

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KERNEL_OWN_STACKS 0 /* the sanitizers must know every stack: tasks run on that of their thread */
#else
#define KERNEL_OWN_STACKS 1
#endif

struct wait_list {
    struct tskTaskControlBlock *first; /* highest priority first, then first come */
};

struct tskTaskControlBlock {
    struct tskTaskControlBlock *next_task; /* all tasks, or those that IDLE has to free */
    char name[configMAX_TASK_NAME_LEN];
    UBaseType_t priority;
    BaseType_t core;
    TaskFunction_t code;
    void *arg;
    uint8_t *stack; /* lowest address; in the heap */
    size_t stack_bytes;
    unsigned long thread; /* pthread_t */
    void *native_context; /* where the thread goes on when the task has deleted itself; on the thread's own stack */
    uint8_t *native_base; /* with KERNEL_OWN_STACKS off: the task's frames on its thread's stack end here */
    bool deleted;         /* waits for IDLE */

    /* blocking; guarded by the kernel lock, but for the word slept on */
    atomic_uint wake;
    struct wait_list *waiting_on;
    struct tskTaskControlBlock *next_waiter;
    bool orphaned; /* what it waited for was deleted: give up, touch it no more */
    uint32_t wanted_bits;
    uint32_t got_bits;
    bool want_all;
    bool clear_bits;

    /* being stopped from outside */
    atomic_uint stop;    /* enum kernel_stop: as asked */
    atomic_uint stopped; /* enum kernel_stop: as the thread, standing in the signal handler, has confirmed */

    uint32_t notify_value;
    enum {
        NOTIFY_NONE,
        NOTIFY_WAITING,
        NOTIFY_RECEIVED
    } notify_state;

    void *local[configNUM_THREAD_LOCAL_STORAGE_POINTERS];
    TlsDeleteCallbackFunction_t local_deleted[configNUM_THREAD_LOCAL_STORAGE_POINTERS];
};

enum kernel_stop {
    STOP_NONE,
    STOP_SUSPEND,
    STOP_FREEZE
};

/* ---- clock ---- */
int64_t kernel_now_us(void);                  /* since the program started */
int64_t kernel_deadline_us(TickType_t ticks); /* end of that many ticks from now, on a tick; KERNEL_FOREVER */

/* ---- lock ---- */
void kernel_lock(void);
void kernel_unlock(void);

/* A task is not frozen or suspended between these two: for whoever takes a lock that must not stay taken. They nest. */
void kernel_hold(void);
void kernel_release(void);
bool kernel_is_held(void);

/* ---- waiting; all with the kernel lock held ---- */
struct tskTaskControlBlock *kernel_self(void); /* the current task; threads that are no task have one of their own */
/** Sleeps until woken or the deadline. @return false at the deadline. The lock is released meanwhile. */
bool kernel_block(struct wait_list *list, int64_t deadline_us);
void kernel_wake(struct tskTaskControlBlock *task);
bool kernel_wake_first(struct wait_list *list);
void kernel_wait_list_remove(struct tskTaskControlBlock *task);
/** The object is going away: its waiters sleep on, for ever or until their deadline. */
void kernel_orphan_waiters(struct wait_list *list);

/* ---- stopping a task from outside (freeze.c) ---- */
void kernel_freeze_init(void);
/** Asks; with the kernel lock held. */
void kernel_request_stop(struct tskTaskControlBlock *task, enum kernel_stop how);
/** Returns when the task's thread stands still as asked; the caller holds no lock. */
void kernel_await_stop(struct tskTaskControlBlock *task);
/** Gives a stopped thread free again; only after STOP_SUSPEND. */
void kernel_continue_task(struct tskTaskControlBlock *task);
/** Called by a task that finds itself asked to stop, holding nothing. */
void kernel_stop_here(void);

/* ---- threads ---- */
bool kernel_is_task(const struct tskTaskControlBlock *task); /* kernel lock held */
void kernel_start(void); /* IDLE and the timer service; called by the first xTaskCreate() at the latest */
void kernel_set_self(struct tskTaskControlBlock *task);
void kernel_check_stack(const struct tskTaskControlBlock *task);
/** Installs the signal stack of this thread. @param memory stays the thread's as long as it lives. */
void kernel_signal_stack(void *memory, size_t bytes);
void kernel_timers_start(void);

/* ---- futex ---- */
/** @return false when the deadline has passed. */
bool kernel_futex_wait(atomic_uint *word, uint32_t value, int64_t deadline_us);
void kernel_futex_wake(atomic_uint *word);
