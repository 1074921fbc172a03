/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Software timers. Only the task "Tmr Svc" touches the list of running timers; all others send it commands through a
 * queue of ten, as in FreeRTOS: a full queue is the caller's to wait for.
 */
#include <string.h>

#include "native_kernel.h"
#include "esp_heap_caps.h"
#include "freertos/queue.h"
#include "freertos/timers.h"

#define TIMER_TASK_PRIORITY 1

struct tmrTimerControl {
    const char *name;
    TickType_t period;
    bool auto_reload;
    void *id;
    TimerCallbackFunction_t callback;
    atomic_bool active; /* in the list */
    TickType_t expiry;  /* tick */
    struct tmrTimerControl *next;
};

struct command {
    enum {
        COMMAND_START,
        COMMAND_STOP,
        COMMAND_DELETE,
        COMMAND_CHANGE_PERIOD,
        COMMAND_CALL
    } what;
    TimerHandle_t timer;
    TickType_t tick; /* when it was given; for CHANGE_PERIOD see period */
    TickType_t period;
    PendedFunction_t function;
    void *arg;
    uint32_t value;
};

static QueueHandle_t commands;
static TaskHandle_t service_task;
static struct tmrTimerControl *running; /* soonest first; the service task alone */

static void list_remove(TimerHandle_t timer)
{
    for (struct tmrTimerControl **link = &running; *link != NULL; link = &(*link)->next) {
        if (*link == timer) {
            *link = timer->next;
            break;
        }
    }
    timer->active = false;
}

static void list_insert(TimerHandle_t timer, TickType_t expiry)
{
    struct tmrTimerControl **link = &running;
    timer->expiry = expiry;
    while (*link != NULL && (int32_t)((*link)->expiry - expiry) <= 0) {
        link = &(*link)->next;
    }
    timer->next = *link;
    *link = timer;
    timer->active = true;
}

static void run_expired(void)
{
    while (running != NULL && (int32_t)(xTaskGetTickCount() - running->expiry) >= 0) {
        TimerHandle_t timer = running;
        list_remove(timer);
        if (timer->auto_reload) {
            list_insert(timer, timer->expiry + timer->period);
        }
        timer->callback(timer);
    }
}

static void obey(const struct command *command)
{
    TimerHandle_t timer = command->timer;
    switch (command->what) {
    case COMMAND_START:
        list_remove(timer);
        list_insert(timer, command->tick + timer->period);
        break;
    case COMMAND_STOP:
        list_remove(timer);
        break;
    case COMMAND_DELETE:
        list_remove(timer);
        heap_caps_free(timer);
        break;
    case COMMAND_CHANGE_PERIOD:
        list_remove(timer);
        timer->period = command->period;
        list_insert(timer, command->tick + timer->period);
        break;
    case COMMAND_CALL:
        command->function(command->arg, command->value);
        break;
    }
}

static void service_main(void *arg)
{
    (void)arg;
    for (;;) {
        struct command command;
        TickType_t ticks = portMAX_DELAY;
        if (running != NULL) {
            int32_t left = (int32_t)(running->expiry - xTaskGetTickCount());
            ticks = left > 0 ? (TickType_t)left : 0;
        }
        if (xQueueReceive(commands, &command, ticks)) {
            obey(&command);
        }
        run_expired();
    }
}

void kernel_timers_start(void)
{
    commands = xQueueCreate(configTIMER_QUEUE_LENGTH, sizeof(struct command));
    BaseType_t ok = commands != NULL ? xTaskCreatePinnedToCore(service_main, "Tmr Svc", configTIMER_TASK_STACK_DEPTH,
                                                               NULL, TIMER_TASK_PRIORITY, &service_task, 0)
                                     : pdFAIL;
    configASSERT(ok == pdPASS);
    (void)ok;
}

TimerHandle_t xTimerCreate(const char *name, TickType_t period, UBaseType_t auto_reload, void *id,
                           TimerCallbackFunction_t callback)
{
    configASSERT(period > 0);
    TimerHandle_t timer = heap_caps_calloc(1, sizeof(*timer), MALLOC_CAP_8BIT);
    if (timer != NULL) {
        timer->name = name;
        timer->period = period;
        timer->auto_reload = auto_reload != 0;
        timer->id = id;
        timer->callback = callback;
    }
    return timer;
}

static BaseType_t command_timer(int what, TimerHandle_t timer, TickType_t period, TickType_t ticks)
{
    struct command command = {.what = what, .timer = timer, .tick = xTaskGetTickCount(), .period = period};
    if (xTaskGetCurrentTaskHandle() == service_task) {
        ticks = 0; /* it would wait for itself */
    }
    return xQueueSend(commands, &command, ticks);
}

BaseType_t xTimerStart(TimerHandle_t timer, TickType_t ticks)
{
    return command_timer(COMMAND_START, timer, 0, ticks);
}

BaseType_t xTimerReset(TimerHandle_t timer, TickType_t ticks)
{
    return command_timer(COMMAND_START, timer, 0, ticks);
}

BaseType_t xTimerStop(TimerHandle_t timer, TickType_t ticks)
{
    return command_timer(COMMAND_STOP, timer, 0, ticks);
}

BaseType_t xTimerDelete(TimerHandle_t timer, TickType_t ticks)
{
    return command_timer(COMMAND_DELETE, timer, 0, ticks);
}

BaseType_t xTimerChangePeriod(TimerHandle_t timer, TickType_t period, TickType_t ticks)
{
    configASSERT(period > 0);
    return command_timer(COMMAND_CHANGE_PERIOD, timer, period, ticks);
}

BaseType_t xTimerPendFunctionCall(PendedFunction_t function, void *arg, uint32_t value, TickType_t ticks)
{
    struct command command = {.what = COMMAND_CALL, .function = function, .arg = arg, .value = value};
    return xQueueSend(commands, &command, ticks);
}

BaseType_t xTimerIsTimerActive(TimerHandle_t timer)
{
    return timer->active ? pdTRUE : pdFALSE;
}

void *pvTimerGetTimerID(TimerHandle_t timer)
{
    return timer->id;
}

void vTimerSetTimerID(TimerHandle_t timer, void *id)
{
    timer->id = id;
}

const char *pcTimerGetName(TimerHandle_t timer)
{
    return timer->name;
}

TickType_t xTimerGetPeriod(TimerHandle_t timer)
{
    return timer->period;
}

TickType_t xTimerGetExpiryTime(TimerHandle_t timer)
{
    return timer->expiry;
}

TaskHandle_t xTimerGetTimerDaemonTaskHandle(void)
{
    return service_task;
}
