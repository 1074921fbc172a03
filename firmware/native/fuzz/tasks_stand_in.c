/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tasks_stand_in.h"

#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "fuzz.h"

#include "esp_event.h"
#include "esp_heap_caps.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"

#define TASKS_MAX   16
#define STACK_BYTES (96 * 1024)
#define TURNS_MAX   200000 /* far more than any input needs: tasks that go round in circles */

struct tskTaskControlBlock {
    ucontext_t context;
    void (*code)(void *arg);
    void *arg;
    char *stack;
    bool used, waiting, notified;
    const bool *flag;     /* what it waits for; NULL: only for time */
    uint64_t deadline_ms; /* UINT64_MAX: none */
};

static struct tskTaskControlBlock tasks[TASKS_MAX], *current;
static ucontext_t scheduler;
static const uint8_t *bytes;
static size_t bytes_left;
static uint64_t now_ms;
static int critical;
static unsigned turn; /* whose it is when the bytes are used up */

void tasks_begin(const uint8_t *data, size_t size)
{
    bytes = data;
    bytes_left = size;
    now_ms = 1000;
    critical = 0;
    turn = (unsigned)size;
    current = NULL;
}

uint8_t tasks_byte(void)
{
    if (bytes_left == 0) {
        return 0;
    }
    bytes_left--;
    return *bytes++;
}

bool tasks_bytes_left(void)
{
    return bytes_left > 0;
}

uint32_t tasks_now_ms(void)
{
    return (uint32_t)now_ms;
}

static void run_task(void)
{
    current->code(current->arg);
    current->used = false;
    swapcontext(&current->context, &scheduler);
}

static struct tskTaskControlBlock *make_task(void (*code)(void *arg), void *arg)
{
    for (int i = 0; i < TASKS_MAX; i++) {
        struct tskTaskControlBlock *task = &tasks[i];
        if (!task->used) {
            char *stack = task->stack ? task->stack : malloc(STACK_BYTES);
            *task = (struct tskTaskControlBlock){.code = code, .arg = arg, .stack = stack, .used = true};
            getcontext(&task->context);
            task->context.uc_stack.ss_sp = stack;
            task->context.uc_stack.ss_size = STACK_BYTES;
            makecontext(&task->context, run_task, 0);
            return task;
        }
    }
    return NULL;
}

void tasks_start(void (*code)(void *arg), void *arg)
{
    HOLDS(make_task(code, arg) != NULL);
}

static bool ready(const struct tskTaskControlBlock *task)
{
    return task->used && (!task->waiting || (task->flag && *task->flag) || task->deadline_ms <= now_ms);
}

/* @return false when nobody waits for a time either */
static bool let_time_pass(void)
{
    uint64_t next_ms = UINT64_MAX;

    for (int i = 0; i < TASKS_MAX; i++) {
        if (tasks[i].used && tasks[i].deadline_ms < next_ms) {
            next_ms = tasks[i].deadline_ms;
        }
    }
    now_ms = next_ms == UINT64_MAX ? now_ms : next_ms;
    return next_ms != UINT64_MAX;
}

bool tasks_run(void)
{
    for (unsigned turns = 0; turns < TURNS_MAX; turns++) {
        struct tskTaskControlBlock *those[TASKS_MAX];
        unsigned count = 0;
        bool any = false;
        for (int i = 0; i < TASKS_MAX; i++) {
            any = any || tasks[i].used;
            if (ready(&tasks[i])) {
                those[count++] = &tasks[i];
            }
        }
        if (!any) {
            return true;
        }
        if (count == 0) {
            if (!let_time_pass()) {
                return false;
            }
            continue;
        }
        /* Without bytes each in turn, so that all of them come to their end. */
        current = those[(tasks_bytes_left() && count > 1 ? tasks_byte() : turn++) % count];
        swapcontext(&scheduler, &current->context);
    }
    return false;
}

bool tasks_wait(const bool *flag, uint32_t ms)
{
    HOLDS(critical == 0);
    current->waiting = true;
    current->flag = flag;
    current->deadline_ms = ms == UINT32_MAX ? UINT64_MAX : now_ms + ms;
    swapcontext(&current->context, &scheduler);
    current->waiting = false;
    current->deadline_ms = UINT64_MAX;
    return flag != NULL && *flag;
}

void tasks_preempt(void)
{
    if (current != NULL && critical == 0 && tasks_bytes_left() && tasks_byte() % 4 == 0) {
        current->deadline_ms = UINT64_MAX;
        swapcontext(&current->context, &scheduler);
    }
}

/* ---- FreeRTOS and ESP-IDF */

static uint32_t ms_of(TickType_t ticks)
{
    return ticks == portMAX_DELAY ? UINT32_MAX : pdTICKS_TO_MS(ticks);
}

void vPortEnterCritical(portMUX_TYPE *mux)
{
    (void)mux;
    critical++;
}

void vPortExitCritical(portMUX_TYPE *mux)
{
    (void)mux;
    HOLDS(--critical >= 0);
    tasks_preempt();
}

BaseType_t xTaskCreate(TaskFunction_t code, const char *name, uint32_t stack, void *arg, UBaseType_t priority,
                       TaskHandle_t *created)
{
    struct tskTaskControlBlock *task = make_task(code, arg);

    (void)name;
    (void)stack;
    (void)priority;
    if (task == NULL) {
        return pdFAIL;
    }
    if (created) {
        *created = task;
    }
    return pdPASS;
}

void vTaskDelete(TaskHandle_t task)
{
    HOLDS(task == NULL);
    current->used = false;
    swapcontext(&current->context, &scheduler);
}

void vTaskDelay(TickType_t ticks)
{
    tasks_wait(NULL, ms_of(ticks));
}

TaskHandle_t xTaskGetCurrentTaskHandle(void)
{
    return current;
}

UBaseType_t uxTaskGetNumberOfTasks(void)
{
    UBaseType_t count = 0;

    for (int i = 0; i < TASKS_MAX; i++) {
        count += tasks[i].used;
    }
    return count;
}

BaseType_t xTaskGenericNotify(TaskHandle_t task, uint32_t value, eNotifyAction action, uint32_t *previous)
{
    (void)value;
    (void)action;
    (void)previous;
    task->notified = true;
    tasks_preempt();
    return pdPASS;
}

uint32_t ulTaskNotifyTake(BaseType_t clear, TickType_t ticks)
{
    const bool notified = tasks_wait(&current->notified, ms_of(ticks));

    (void)clear;
    current->notified = false;
    return notified;
}

/* A semaphore is whether it can be taken. */

SemaphoreHandle_t xSemaphoreCreateMutexStatic(StaticSemaphore_t *storage)
{
    *(bool *)storage = true;
    return (SemaphoreHandle_t)storage;
}

SemaphoreHandle_t xSemaphoreCreateBinaryStatic(StaticSemaphore_t *storage)
{
    *(bool *)storage = false;
    return (SemaphoreHandle_t)storage;
}

BaseType_t xSemaphoreTake(SemaphoreHandle_t semaphore, TickType_t ticks)
{
    bool *there = (bool *)semaphore;

    if (!*there && (ticks == 0 || !tasks_wait(there, ms_of(ticks)))) {
        return pdFALSE;
    }
    HOLDS(*there);
    *there = false;
    return pdTRUE;
}

BaseType_t xSemaphoreGive(SemaphoreHandle_t semaphore)
{
    *(bool *)semaphore = true;
    tasks_preempt();
    return pdTRUE;
}

int64_t esp_timer_get_time(void)
{
    return (int64_t)now_ms * 1000;
}

esp_err_t esp_event_post(esp_event_base_t base, int32_t id, const void *data, size_t size, TickType_t ticks)
{
    (void)base;
    (void)id;
    (void)ticks;
    HOLDS(data != NULL && size > 0);
    return ESP_OK;
}

size_t heap_caps_get_free_size(uint32_t caps)
{
    (void)caps;
    return 100000;
}

size_t heap_caps_get_largest_free_block(uint32_t caps)
{
    (void)caps;
    return 50000;
}
