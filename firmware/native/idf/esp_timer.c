/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * High-resolution timers: a list ordered by time, and the task "esp_timer" that waits for its head.
 */
#include <string.h>

#include "esp_heap_caps.h"
#include "esp_task.h"
#include "esp_timer.h"
#include "esp_timer_internal.h"
#include "native_kernel.h"

#define MIN_PERIOD_US 50 /* as on a chip: shorter ones would keep the task busy */

struct esp_timer {
    esp_timer_create_args_t args;
    bool armed;
    int64_t alarm_us;
    uint64_t period_us; /* 0 = once */
    struct esp_timer *next;
};

static struct esp_timer *armed_timers; /* soonest first; kernel lock */
static struct wait_list waiting;       /* the timer task */
static TaskHandle_t timer_task;

int64_t esp_timer_get_time(void)
{
    return kernel_now_us();
}

/* The three below: with the kernel lock held. */
static void disarm(struct esp_timer *timer)
{
    for (struct esp_timer **link = &armed_timers; *link != NULL; link = &(*link)->next) {
        if (*link == timer) {
            *link = timer->next;
            break;
        }
    }
    timer->armed = false;
}

static void arm(struct esp_timer *timer, int64_t alarm_us)
{
    struct esp_timer **link = &armed_timers;
    while (*link != NULL && (*link)->alarm_us <= alarm_us) {
        link = &(*link)->next;
    }
    timer->alarm_us = alarm_us;
    timer->armed = true;
    timer->next = *link;
    *link = timer;
    if (armed_timers == timer) {
        kernel_wake_first(&waiting);
    }
}

static struct esp_timer *take_due(void)
{
    struct esp_timer *timer = armed_timers;
    int64_t now = kernel_now_us();
    if (timer == NULL || timer->alarm_us > now) {
        return NULL;
    }
    disarm(timer);
    if (timer->period_us != 0) {
        int64_t period_us = (int64_t)timer->period_us;
        bool skip = timer->args.skip_unhandled_events && (now - timer->alarm_us) / period_us > 1;
        arm(timer, (skip ? now : timer->alarm_us) + period_us);
    }
    return timer;
}

static void timer_main(void *arg)
{
    (void)arg;
    for (;;) {
        kernel_lock();
        struct esp_timer *timer;
        while ((timer = take_due()) == NULL) {
            kernel_block(&waiting, armed_timers != NULL ? armed_timers->alarm_us : KERNEL_FOREVER);
        }
        esp_timer_cb_t callback = timer->args.callback;
        void *callback_arg = timer->args.arg;
        kernel_unlock();
        callback(callback_arg);
    }
}

void esp_timer_start_task(void)
{
    BaseType_t ok = xTaskCreatePinnedToCore(timer_main, "esp_timer", ESP_TASK_TIMER_STACK, NULL, ESP_TASK_TIMER_PRIO,
                                            &timer_task, 0);
    configASSERT(ok == pdPASS);
    (void)ok;
}

esp_err_t esp_timer_create(const esp_timer_create_args_t *args, esp_timer_handle_t *timer)
{
    if (args == NULL || args->callback == NULL || timer == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    struct esp_timer *made = heap_caps_calloc(1, sizeof(*made), MALLOC_CAP_DEFAULT);
    if (made == NULL) {
        return ESP_ERR_NO_MEM;
    }
    made->args = *args;
    *timer = made;
    return ESP_OK;
}

static esp_err_t start(esp_timer_handle_t timer, uint64_t timeout_us, uint64_t period_us)
{
    esp_err_t err = ESP_ERR_INVALID_STATE;
    if (timer == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    kernel_lock();
    if (!timer->armed) {
        timer->period_us = period_us;
        arm(timer, kernel_now_us() + (int64_t)timeout_us);
        err = ESP_OK;
    }
    kernel_unlock();
    return err;
}

esp_err_t esp_timer_start_once(esp_timer_handle_t timer, uint64_t timeout_us)
{
    return start(timer, timeout_us, 0);
}

esp_err_t esp_timer_start_periodic(esp_timer_handle_t timer, uint64_t period_us)
{
    if (period_us < MIN_PERIOD_US) {
        period_us = MIN_PERIOD_US;
    }
    return start(timer, period_us, period_us);
}

esp_err_t esp_timer_restart(esp_timer_handle_t timer, uint64_t timeout_us)
{
    esp_err_t err = ESP_ERR_INVALID_STATE;
    if (timer == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    kernel_lock();
    if (timer->armed) {
        disarm(timer);
        if (timer->period_us != 0) {
            timer->period_us = timeout_us < MIN_PERIOD_US ? MIN_PERIOD_US : timeout_us;
        }
        arm(timer, kernel_now_us() + (int64_t)timeout_us);
        err = ESP_OK;
    }
    kernel_unlock();
    return err;
}

esp_err_t esp_timer_stop(esp_timer_handle_t timer)
{
    esp_err_t err = ESP_ERR_INVALID_STATE;
    if (timer == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    kernel_lock();
    if (timer->armed) {
        disarm(timer);
        err = ESP_OK;
    }
    kernel_unlock();
    return err;
}

esp_err_t esp_timer_delete(esp_timer_handle_t timer)
{
    if (timer == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    kernel_lock();
    bool armed = timer->armed;
    kernel_unlock();
    if (armed) {
        return ESP_ERR_INVALID_STATE;
    }
    heap_caps_free(timer);
    return ESP_OK;
}

bool esp_timer_is_active(esp_timer_handle_t timer)
{
    kernel_lock();
    bool armed = timer->armed;
    kernel_unlock();
    return armed;
}
