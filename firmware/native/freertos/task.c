/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Making and ending tasks.
 *
 * A task is a thread that has left its own stack for one out of the heap, filled with 0xA5. What the thread must keep
 * when that block is gone (thread-local storage, the signal stack, the way back) lies on its own, which is
 * never given back to the heap. A task that deletes itself goes back there and ends; IDLE then frees its stack
 * and control block. A task deleted by another stands frozen for ever and both are freed at once.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include "native_kernel.h"
#include "esp_heap_caps.h"
#include "esp_log.h"
#include "esp_system.h"
#include "heap_arena.h"

#define NATIVE_STACK_BYTES    (128u * 1024u)
#define SIGNAL_STACK_BYTES    (64u * 1024u)
#define SANITIZER_STACK_BYTES (2u * 1024u * 1024u)
#define MIN_STACK_BYTES       768u
#define CANARY_BYTES          16u

static struct tskTaskControlBlock *all_tasks; /* newest first; with those below: under the kernel lock */
static struct tskTaskControlBlock *dead_tasks;
static struct wait_list idle_waits;
static UBaseType_t task_count;
static TaskHandle_t idle_task;
static pthread_once_t started = PTHREAD_ONCE_INIT;

struct native_context {
    ucontext_t thread;
    ucontext_t task;
};

void kernel_check_stack(const struct tskTaskControlBlock *task)
{
#if KERNEL_OWN_STACKS
    static const uint8_t fill[CANARY_BYTES] = {STACK_FILL, STACK_FILL, STACK_FILL, STACK_FILL, STACK_FILL, STACK_FILL,
                                               STACK_FILL, STACK_FILL, STACK_FILL, STACK_FILL, STACK_FILL, STACK_FILL,
                                               STACK_FILL, STACK_FILL, STACK_FILL, STACK_FILL};
    if (task->stack != NULL && memcmp(task->stack, fill, CANARY_BYTES) != 0) {
        char text[96];
        snprintf(text, sizeof(text), "\n***ERROR*** A stack overflow in task %s has been detected.", task->name);
        esp_system_abort(text);
    }
#else
    (void)task;
#endif
}

static __attribute__((noinline)) void run_task(struct tskTaskControlBlock *task)
{
    task->native_base = __builtin_frame_address(0);
    task->code(task->arg);
    ESP_LOGE("FreeRTOS", "FreeRTOS Task \"%s\" should not return, Aborting now!", task->name);
    abort();
}

#if KERNEL_OWN_STACKS
static void task_entry(void)
{
    run_task(xTaskGetCurrentTaskHandle());
}
#endif

static void *thread_main(void *arg)
{
    struct tskTaskControlBlock *task = arg;
    _Alignas(16) uint8_t signal_stack[SIGNAL_STACK_BYTES];
    struct native_context context;
    kernel_set_self(task);
    kernel_signal_stack(signal_stack, sizeof(signal_stack));
    task->native_context = &context;
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL); /* whoever stopped this task before it knew itself is heard here */
#if KERNEL_OWN_STACKS
    getcontext(&context.task);
    context.task.uc_stack.ss_sp = task->stack;
    context.task.uc_stack.ss_size = task->stack_bytes;
    context.task.uc_link = NULL;
#ifdef __x86_64__
    context.task.uc_mcontext.gregs[REG_RBP] = 0; /* a backtrace ends here */
#elif defined(__aarch64__)
    context.task.uc_mcontext.regs[29] = 0;
#endif
    makecontext(&context.task, task_entry, 0);
    swapcontext(&context.thread, &context.task);
#else
    run_task(task);
#endif
    return NULL;
}

static void unlink_task(struct tskTaskControlBlock **list, struct tskTaskControlBlock *task)
{
    while (*list != task) {
        list = &(*list)->next_task;
    }
    *list = task->next_task;
}

static void free_task(struct tskTaskControlBlock *task)
{
    for (int i = 0; i < configNUM_THREAD_LOCAL_STORAGE_POINTERS; i++) {
        if (task->local_deleted[i] != NULL) {
            task->local_deleted[i](i, task->local[i]);
        }
    }
    memset(task->stack, STACK_FILL, task->stack_bytes);
    heap_arena_free_as_is(task->stack);
    heap_caps_free(task);
}

static void idle_main(void *arg)
{
    (void)arg;
    for (;;) {
        kernel_lock();
        while (dead_tasks == NULL) {
            kernel_block(&idle_waits, KERNEL_FOREVER);
        }
        struct tskTaskControlBlock *task = dead_tasks;
        dead_tasks = task->next_task;
        kernel_unlock();

        pthread_join(task->thread, NULL); /* from here on nothing runs on its stack */
        free_task(task);
        kernel_lock();
        task_count--;
        kernel_unlock();
    }
}

static bool start_thread(struct tskTaskControlBlock *task)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, KERNEL_OWN_STACKS ? NATIVE_STACK_BYTES : SANITIZER_STACK_BYTES);
    pthread_sigmask(SIG_BLOCK, &all, &before); /* the thread inherits this, until it is ready for a signal */
    int rc = pthread_create(&thread, &attributes, thread_main, task);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    task->thread = thread;
    return rc == 0;
}

static BaseType_t create_task(TaskFunction_t code, const char *name, uint32_t stack_bytes, void *arg,
                              UBaseType_t priority, TaskHandle_t *created, BaseType_t core)
{
    struct tskTaskControlBlock *task = heap_caps_calloc(1, sizeof(*task), MALLOC_CAP_8BIT);
    if (task == NULL) {
        return errCOULD_NOT_ALLOCATE_REQUIRED_MEMORY;
    }
    if (stack_bytes < MIN_STACK_BYTES) {
        stack_bytes = MIN_STACK_BYTES;
    }
    task->stack_bytes = ((size_t)stack_bytes * STACK_SCALE) & ~(size_t)15;
    task->stack = heap_caps_malloc(task->stack_bytes, MALLOC_CAP_8BIT);
    if (task->stack == NULL) {
        heap_caps_free(task);
        return errCOULD_NOT_ALLOCATE_REQUIRED_MEMORY;
    }
    memset(task->stack, STACK_FILL, task->stack_bytes);
    strncpy(task->name, name != NULL ? name : "", sizeof(task->name) - 1);
    task->code = code;
    task->arg = arg;
    task->priority = priority < configMAX_PRIORITIES ? priority : configMAX_PRIORITIES - 1;
    task->core = core;

    kernel_lock(); /* the new task may run at once: it finds itself in the list, and its handle in *created */
    if (created != NULL) {
        *created = task;
    }
    bool ok = start_thread(task);
    if (ok) {
        task->next_task = all_tasks;
        all_tasks = task;
        task_count++;
    }
    kernel_unlock();
    if (!ok) {
        heap_caps_free(task->stack);
        heap_caps_free(task);
        return errCOULD_NOT_ALLOCATE_REQUIRED_MEMORY;
    }
    return pdPASS;
}

static void start_kernel(void)
{
    kernel_freeze_init();
    BaseType_t ok = create_task(idle_main, "IDLE", configMINIMAL_STACK_SIZE, NULL, tskIDLE_PRIORITY, &idle_task, 0);
    assert(ok == pdPASS);
    (void)ok;
}

void kernel_start(void)
{
    pthread_once(&started, start_kernel);
}

BaseType_t xTaskCreatePinnedToCore(TaskFunction_t code, const char *name, uint32_t stack_bytes, void *arg,
                                   UBaseType_t priority, TaskHandle_t *created, BaseType_t core)
{
    kernel_start();
    return create_task(code, name, stack_bytes, arg, priority, created, core);
}

BaseType_t xTaskCreate(TaskFunction_t code, const char *name, uint32_t stack_bytes, void *arg, UBaseType_t priority,
                       TaskHandle_t *created)
{
    return xTaskCreatePinnedToCore(code, name, stack_bytes, arg, priority, created, tskNO_AFFINITY);
}

static void delete_self(struct tskTaskControlBlock *self)
{
    kernel_lock();
    if (atomic_load(&self->stop) == STOP_FREEZE) {
        kernel_unlock(); /* another task was faster in deleting this one: stops here */
    }
    unlink_task(&all_tasks, self);
    self->deleted = true;
    self->next_task = dead_tasks;
    dead_tasks = self;
    kernel_wake_first(&idle_waits);
    kernel_hold(); /* from now on IDLE alone ends it */
    kernel_unlock();
#if KERNEL_OWN_STACKS
    setcontext(&((struct native_context *)self->native_context)->thread);
#else
    pthread_exit(NULL);
#endif
    __builtin_unreachable();
}

bool kernel_is_task(const struct tskTaskControlBlock *task)
{
    for (const struct tskTaskControlBlock *t = all_tasks; t != NULL; t = t->next_task) {
        if (t == task) {
            return true;
        }
    }
    return false;
}

void vTaskDelete(TaskHandle_t task)
{
    struct tskTaskControlBlock *self = xTaskGetCurrentTaskHandle();
    if (task == NULL || task == self) {
        configASSERT(self != NULL);
        delete_self(self);
    }
    kernel_lock();
    /* A stale handle is undefined behaviour in FreeRTOS; the port says so instead of guessing. */
    configASSERT(kernel_is_task(task));
    if (self != NULL && atomic_load(&self->stop) == STOP_FREEZE) {
        kernel_unlock(); /* we are being deleted ourselves, and stop here: so two tasks never wait for each other */
        return;
    }
    unlink_task(&all_tasks, task);
    task->deleted = true;
    kernel_request_stop(task, STOP_FREEZE);
    kernel_hold(); /* on a chip a deletion is not interrupted either */
    kernel_unlock();

    kernel_await_stop(task);
    kernel_lock();
    kernel_wait_list_remove(task);
    task_count--;
    kernel_unlock();
    free_task(task);
    kernel_release();
}

UBaseType_t uxTaskGetNumberOfTasks(void)
{
    kernel_lock();
    UBaseType_t count = task_count;
    kernel_unlock();
    return count;
}

TaskHandle_t xTaskGetIdleTaskHandle(void)
{
    return idle_task;
}

TaskHandle_t xTaskGetHandle(const char *name)
{
    kernel_lock();
    struct tskTaskControlBlock *task = all_tasks;
    while (task != NULL && strcmp(task->name, name) != 0) {
        task = task->next_task;
    }
    kernel_unlock();
    return task;
}
