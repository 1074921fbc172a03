/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Stopping a task from outside, wherever it stands.
 *
 * A chip's scheduler simply never runs a deleted task again. Here a signal is sent to its thread, whose handler runs on
 * a stack of its own, says that it has arrived, and does not return: the task's stack stays exactly as it was,
 * and may be overwritten. A thread that holds one of the port's locks stops when it has let go of it.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "native_kernel.h"

#define STOP_SIGNAL (SIGRTMIN + 3)

#if !KERNEL_OWN_STACKS
/* The task's frames lie on its thread's stack, which nobody gets: what the heap would do to them is done here. */
__attribute__((no_sanitize("address", "thread", "undefined"))) static void
overwrite_frames(struct tskTaskControlBlock *self, uintptr_t from)
{
    for (volatile uint8_t *at = (volatile uint8_t *)from; at < self->native_base; at++) {
        *at = STACK_FILL;
    }
}
#else
#define overwrite_frames(self, from) ((void)(from))
#endif

static void arrived(struct tskTaskControlBlock *self, enum kernel_stop how)
{
    atomic_store(&self->stopped, how);
    kernel_futex_wake(&self->stopped);
}

/* @param frames lowest address of the stack that the task has in use */
static void stand_still(struct tskTaskControlBlock *self, uintptr_t frames)
{
    static atomic_uint never;
    if (self == NULL) {
        return;
    }
    while (atomic_load(&self->stop) == STOP_SUSPEND) {
        arrived(self, STOP_SUSPEND);
        kernel_futex_wait(&self->stop, STOP_SUSPEND, KERNEL_FOREVER);
    }
    if (atomic_load(&self->stop) == STOP_FREEZE) {
        overwrite_frames(self, frames);
        arrived(self, STOP_FREEZE);
        for (;;) { /* the control block may be freed now: touch nothing of it */
            kernel_futex_wait(&never, 0, KERNEL_FOREVER);
        }
    }
}

static void on_stop_signal(int signal_number, siginfo_t *info, void *context_ptr)
{
    const ucontext_t *context = context_ptr;
    (void)signal_number;
    (void)info;
#ifdef __x86_64__
    uintptr_t frames = (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
#else
    uintptr_t frames = (uintptr_t)context->uc_mcontext.sp;
#endif
    if (kernel_is_held()) {
        return; /* stops when it lets go: kernel_release() */
    }
    struct tskTaskControlBlock *self = xTaskGetCurrentTaskHandle();
#if !KERNEL_OWN_STACKS
    /* ThreadSanitizer may run this later and deeper in the stack than the context says: what is in use is spared. */
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    if (self != NULL && here > frames && here < (uintptr_t)self->native_base) {
        frames = here;
    }
#endif
    int error = errno; /* of the call that was interrupted, for a task that goes on */
    stand_still(self, frames);
    errno = error;
}

void kernel_stop_here(void)
{
#if KERNEL_OWN_STACKS
    pthread_kill(pthread_self(), STOP_SIGNAL); /* off this stack, which is about to be overwritten */
#else
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before); /* the signal may still be on its way: it must find nobody */
    stand_still(xTaskGetCurrentTaskHandle(), (uintptr_t)__builtin_frame_address(0));
    pthread_sigmask(SIG_SETMASK, &before, NULL);
#endif
}

void kernel_freeze_init(void)
{
    struct sigaction action = {.sa_sigaction = on_stop_signal, .sa_flags = SA_ONSTACK | SA_SIGINFO};
    sigfillset(&action.sa_mask);
#ifndef __SANITIZE_THREAD__
    action.sa_flags |= SA_RESTART;
#endif
    sigaction(STOP_SIGNAL, &action, NULL);
}

void kernel_request_stop(struct tskTaskControlBlock *task, enum kernel_stop how)
{
    atomic_store(&task->stopped, STOP_NONE);
    atomic_store(&task->stop, how);
}

void kernel_await_stop(struct tskTaskControlBlock *task)
{
    unsigned how = atomic_load(&task->stop);
    kernel_futex_wake(&task->stop); /* a suspended one waits there */
    pthread_kill(task->thread, STOP_SIGNAL);
    for (unsigned stopped; (stopped = atomic_load(&task->stopped)) != how;) {
        kernel_futex_wait(&task->stopped, stopped, KERNEL_FOREVER);
    }
}

void kernel_continue_task(struct tskTaskControlBlock *task)
{
    atomic_store(&task->stop, STOP_NONE);
    kernel_futex_wake(&task->stop);
}

void kernel_signal_stack(void *memory, size_t bytes)
{
    stack_t stack = {.ss_sp = memory, .ss_size = bytes};
    sigaltstack(&stack, NULL);
}
