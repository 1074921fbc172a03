/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the app calls and the sweep has no use for: tasks, log, network, broker, servers. One process, one thread: a
 * task runs when the main task waits, and a wait that nothing could end makes the clock move.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_event.h"
#include "esp_log.h"
#include "esp_mac.h"
#include "esp_system.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"
#include "freertos/semphr.h"
#include "freertos/task.h"

#include "beat.h"
#include "mqtt_link.h"
#include "network.h"
#include "servers.h"

#include "boot_process.h"
#include "flash_port.h"

/* ---- ESP-IDF */

uint32_t esp_log_timestamp(void)
{
    return (uint32_t)(boot_clock_us() / 1000);
}

void esp_log_write(esp_log_level_t level, const char *tag, const char *format, ...)
{
    va_list args;

    (void)level;
    (void)tag;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
}

int64_t esp_timer_get_time(void)
{
    return boot_clock_us();
}

esp_reset_reason_t esp_reset_reason(void)
{
    return boot_life()->boots == 0 ? ESP_RST_POWERON : ESP_RST_SW;
}

void esp_restart(void)
{
    flash_port_restart();
    abort(); /* it does not come back */
}

esp_err_t esp_read_mac(uint8_t *mac, esp_mac_type_t type)
{
    (void)type;
    memset(mac, 2, 6);
    return ESP_OK;
}

esp_err_t esp_event_loop_create_default(void)
{
    return ESP_OK;
}

/* ---- FreeRTOS: one mutex that nobody else wants, one queue of one item, one task */

static char mutex, queue;
static void *item; /* in the queue */
static size_t item_size;
static TaskFunction_t task;

SemaphoreHandle_t xSemaphoreCreateMutexStatic(StaticSemaphore_t *storage)
{
    (void)storage;
    return (SemaphoreHandle_t)&mutex;
}

BaseType_t xSemaphoreTake(SemaphoreHandle_t semaphore, TickType_t ticks)
{
    (void)semaphore;
    (void)ticks;
    return pdTRUE;
}

BaseType_t xSemaphoreGive(SemaphoreHandle_t semaphore)
{
    (void)semaphore;
    return pdTRUE;
}

QueueHandle_t xQueueCreate(UBaseType_t length, UBaseType_t size)
{
    (void)length;
    item_size = size;
    return (QueueHandle_t)&queue;
}

BaseType_t xQueueGenericSend(QueueHandle_t handle, const void *from, TickType_t ticks, BaseType_t position)
{
    (void)handle;
    (void)ticks;
    (void)position;
    item = malloc(item_size);
    memcpy(item, from, item_size);
    return pdTRUE;
}

BaseType_t xTaskCreate(TaskFunction_t code, const char *name, uint32_t stack, void *arg, UBaseType_t priority,
                       TaskHandle_t *created)
{
    (void)name;
    (void)stack;
    (void)arg;
    (void)priority;
    (void)created;
    task = code;
    return pdPASS;
}

void vTaskDelete(TaskHandle_t handle)
{
    (void)handle; /* a task deletes itself at its end */
}

void vTaskPrioritySet(TaskHandle_t task, UBaseType_t priority)
{
    (void)task;
    (void)priority; /* they run one after the other */
}

void vTaskDelay(TickType_t ticks)
{
    boot_clock_wait(pdTICKS_TO_MS(ticks));
}

void boot_run_tasks(void)
{
    TaskFunction_t code = task;

    task = NULL;
    if (code) {
        code(NULL);
    }
}

/* ---- the broker */

static mqtt_link_trigger_fn on_trigger;

esp_err_t beat_start(void)
{
    return ESP_OK;
}

esp_err_t mqtt_link_start(mqtt_link_trigger_fn trigger)
{
    on_trigger = trigger;
    return ESP_OK;
}

bool mqtt_link_wait_up(uint32_t timeout_ms)
{
    if (!boot_runs(boot_world()->rejected)) {
        return true;
    }
    if (timeout_ms == UINT32_MAX) {
        boot_run_tasks();
        boot_settles(); /* deaf for ever, and not even rolled back */
    }
    boot_clock_wait(timeout_ms);
    return false;
}

void mqtt_link_status(const char *step, const char *fmt, ...)
{
    (void)fmt;
    if (strcmp(step, "accepted") == 0) {
        boot_life()->trigger_accepted = true;
        boot_life()->accepted_after_ops = boot_life()->ops;
    }
}

bool mqtt_link_is_backed_up(void)
{
    return false;
}

void mqtt_link_say_goodbye(uint32_t timeout_ms)
{
    (void)timeout_ms;
}

static void send_trigger(const struct image *image, uint64_t counter)
{
    char message[400];
    int len = snprintf(message, sizeof message, "{\"url\":\"http://10.0.2.2/\",\"version\":\"%s\",\"sha256\":\"",
                       image->version);

    for (size_t i = 0; i < sizeof image->sha256; i++) {
        len += snprintf(message + len, sizeof message - (size_t)len, "%02x", image->sha256[i]);
    }
    len += snprintf(message + len, sizeof message - (size_t)len, "\",\"size\":%zu,\"counter\":%llu}", image->len,
                    (unsigned long long)counter);
    on_trigger(message, (size_t)len);
}

/* The main task waits for a trigger: first all that goes on beside it comes to its end. */
BaseType_t xQueueReceive(QueueHandle_t handle, void *to, TickType_t ticks)
{
    (void)handle;
    (void)ticks;
    boot_run_tasks();
    if (boot_world()->counter != 0 && !boot_life()->trigger_sent) {
        boot_life()->trigger_sent = true;
        send_trigger(boot_world()->served, boot_world()->counter);
    }
    if (!item) {
        boot_settles();
    }
    memcpy(to, item, item_size);
    free(item);
    item = NULL;
    return pdTRUE;
}

/* ---- network and servers */

esp_err_t network_start(void)
{
    if (boot_runs(boot_world()->panicking)) {
        printf("[the image panics]\n");
        boot_ends(LIFE_RESTARTS);
    }
    return ESP_OK;
}

bool network_wait_up(uint32_t timeout_ms)
{
    (void)timeout_ms;
    return true;
}

static bool serving;

esp_err_t servers_init(void)
{
    return ESP_OK;
}

esp_err_t servers_start(void)
{
    serving = true;
    return ESP_OK;
}

esp_err_t servers_stop(void)
{
    serving = false;
    return boot_world()->servers_stick ? ESP_ERR_TIMEOUT : ESP_OK;
}

bool servers_running(void)
{
    return serving;
}

void servers_announce_ready(bool again)
{
    (void)again;
}
