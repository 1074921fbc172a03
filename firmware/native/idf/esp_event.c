/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Event loops.
 *
 * As in ESP-IDF the loop's recursive mutex is held while an event's handlers run: a handler may register and
 * unregister, and another task that unregisters returns only when no handler runs any more. Handlers for any event come
 * first, then those for any id of the base, then those for the id; each in the order of registration.
 */
#include <stdatomic.h>
#include <string.h>

#include "esp_event.h"
#include "esp_heap_caps.h"
#include "esp_log.h"
#include "esp_task.h"

#ifndef CONFIG_ESP_SYSTEM_EVENT_QUEUE_SIZE
#define CONFIG_ESP_SYSTEM_EVENT_QUEUE_SIZE 32
#endif
#ifndef CONFIG_ESP_SYSTEM_EVENT_TASK_STACK_SIZE
#define CONFIG_ESP_SYSTEM_EVENT_TASK_STACK_SIZE ESP_TASKD_EVENT_STACK
#endif

static const char *TAG = "event";

struct handler {
    esp_event_base_t base; /* NULL = any */
    int32_t id;            /* ESP_EVENT_ANY_ID */
    esp_event_handler_t function;
    void *arg;
    bool removed; /* while the list is walked; freed afterwards */
    struct handler *next;
};

struct posted {
    esp_event_base_t base;
    int32_t id;
    void *data; /* a copy, or NULL */
};

struct loop {
    QueueHandle_t queue;
    SemaphoreHandle_t mutex; /* guards handlers, and is held while they run */
    struct handler *handlers;
    TaskHandle_t task;             /* the loop's own, or NULL */
    _Atomic(TaskHandle_t) running; /* who dispatches now */
    int walking;                   /* depth of dispatches that walk the list */
};

static struct loop *default_loop;

static int rank_of(const struct handler *handler)
{
    if (handler->base == ESP_EVENT_ANY_BASE) {
        return 0;
    }
    return handler->id == ESP_EVENT_ANY_ID ? 1 : 2;
}

static bool matches(const struct handler *handler, const struct posted *event)
{
    return !handler->removed && (handler->base == ESP_EVENT_ANY_BASE || handler->base == event->base) &&
           (handler->id == ESP_EVENT_ANY_ID || handler->id == event->id);
}

static void free_removed(struct loop *loop)
{
    for (struct handler **link = &loop->handlers; *link != NULL;) {
        struct handler *handler = *link;
        if (handler->removed) {
            *link = handler->next;
            heap_caps_free(handler);
        } else {
            link = &handler->next;
        }
    }
}

static void dispatch(struct loop *loop, struct posted *event)
{
    xSemaphoreTakeRecursive(loop->mutex, portMAX_DELAY);
    loop->running = xTaskGetCurrentTaskHandle();
    loop->walking++;
    bool handled = false;
    for (int rank = 0; rank <= 2; rank++) {
        for (struct handler *handler = loop->handlers; handler != NULL; handler = handler->next) {
            if (rank_of(handler) == rank && matches(handler, event)) {
                handler->function(handler->arg, event->base, event->id, event->data);
                handled = true;
            }
        }
    }
    if (--loop->walking == 0) {
        free_removed(loop);
    }
    loop->running = NULL;
    xSemaphoreGiveRecursive(loop->mutex);
    if (!handled) {
        ESP_LOGD(TAG, "no handlers have been registered for event %s:%d posted to loop %p", event->base, (int)event->id,
                 (void *)loop);
    }
    heap_caps_free(event->data);
}

esp_err_t esp_event_loop_run(esp_event_loop_handle_t handle, TickType_t ticks_to_run)
{
    struct loop *loop = handle;
    TickType_t start = xTaskGetTickCount(), left = ticks_to_run;
    struct posted event;
    while (xQueueReceive(loop->queue, &event, left) == pdTRUE) {
        dispatch(loop, &event);
        if (ticks_to_run != portMAX_DELAY) {
            TickType_t passed = xTaskGetTickCount() - start;
            if (passed >= ticks_to_run) {
                break;
            }
            left = ticks_to_run - passed;
        }
    }
    return ESP_OK;
}

static void loop_main(void *arg)
{
    for (;;) {
        esp_event_loop_run(arg, portMAX_DELAY);
    }
}

static void free_loop(struct loop *loop)
{
    if (loop->queue != NULL) {
        struct posted event;
        while (xQueueReceive(loop->queue, &event, 0) == pdTRUE) {
            heap_caps_free(event.data);
        }
        vQueueDelete(loop->queue);
    }
    if (loop->mutex != NULL) {
        vSemaphoreDelete(loop->mutex);
    }
    while (loop->handlers != NULL) {
        struct handler *handler = loop->handlers;
        loop->handlers = handler->next;
        heap_caps_free(handler);
    }
    heap_caps_free(loop);
}

esp_err_t esp_event_loop_create(const esp_event_loop_args_t *args, esp_event_loop_handle_t *handle)
{
    if (args == NULL || handle == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    struct loop *loop = heap_caps_calloc(1, sizeof(*loop), MALLOC_CAP_DEFAULT);
    if (loop == NULL) {
        return ESP_ERR_NO_MEM;
    }
    loop->queue = xQueueCreate((UBaseType_t)args->queue_size, sizeof(struct posted));
    loop->mutex = xSemaphoreCreateRecursiveMutex();
    if (loop->queue == NULL || loop->mutex == NULL) {
        free_loop(loop);
        return ESP_ERR_NO_MEM;
    }
    if (args->task_name != NULL &&
        xTaskCreatePinnedToCore(loop_main, args->task_name, args->task_stack_size, loop, args->task_priority,
                                &loop->task, args->task_core_id) != pdPASS) {
        free_loop(loop);
        return ESP_FAIL;
    }
    *handle = loop;
    return ESP_OK;
}

esp_err_t esp_event_loop_delete(esp_event_loop_handle_t handle)
{
    struct loop *loop = handle;
    if (loop == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    xSemaphoreTakeRecursive(loop->mutex, portMAX_DELAY); /* no handler runs now */
    if (loop->task != NULL) {
        vTaskDelete(loop->task);
    }
    free_loop(loop);
    return ESP_OK;
}

esp_err_t esp_event_loop_create_default(void)
{
    if (default_loop != NULL) {
        return ESP_ERR_INVALID_STATE;
    }
    const esp_event_loop_args_t args = {
        .queue_size = CONFIG_ESP_SYSTEM_EVENT_QUEUE_SIZE,
        .task_name = "sys_evt",
        .task_priority = ESP_TASKD_EVENT_PRIO,
        .task_stack_size = CONFIG_ESP_SYSTEM_EVENT_TASK_STACK_SIZE,
        .task_core_id = 0,
    };
    esp_event_loop_handle_t loop;
    esp_err_t err = esp_event_loop_create(&args, &loop);
    if (err == ESP_OK) {
        default_loop = loop;
    }
    return err;
}

esp_err_t esp_event_loop_delete_default(void)
{
    if (default_loop == NULL) {
        return ESP_ERR_INVALID_STATE;
    }
    struct loop *loop = default_loop;
    default_loop = NULL;
    return esp_event_loop_delete(loop);
}

static esp_err_t register_handler(struct loop *loop, esp_event_base_t base, int32_t id, esp_event_handler_t function,
                                  void *arg, esp_event_handler_instance_t *instance)
{
    if (loop == NULL || function == NULL || (base == ESP_EVENT_ANY_BASE && id != ESP_EVENT_ANY_ID)) {
        return ESP_ERR_INVALID_ARG;
    }
    struct handler *made = heap_caps_calloc(1, sizeof(*made), MALLOC_CAP_DEFAULT);
    if (made == NULL) {
        return ESP_ERR_NO_MEM;
    }
    *made = (struct handler){.base = base, .id = id, .function = function, .arg = arg};
    xSemaphoreTakeRecursive(loop->mutex, portMAX_DELAY);
    struct handler **link = &loop->handlers;
    while (*link != NULL) {
        struct handler *known = *link;
        if (instance == NULL && !known->removed && known->base == base && known->id == id &&
            known->function == function) {
            /* Registered again without an instance: the new argument takes the old one's place. */
            ESP_LOGI(TAG, "handler already registered, overwriting");
            known->arg = arg;
            heap_caps_free(made);
            xSemaphoreGiveRecursive(loop->mutex);
            return ESP_OK;
        }
        link = &known->next;
    }
    *link = made;
    if (instance != NULL) {
        *instance = made;
    }
    xSemaphoreGiveRecursive(loop->mutex);
    return ESP_OK;
}

static esp_err_t unregister_handler(struct loop *loop, esp_event_base_t base, int32_t id, esp_event_handler_t function,
                                    const struct handler *instance)
{
    if (loop == NULL || (function == NULL && instance == NULL)) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = ESP_ERR_NOT_FOUND;
    xSemaphoreTakeRecursive(loop->mutex, portMAX_DELAY);
    for (struct handler *handler = loop->handlers; handler != NULL; handler = handler->next) {
        bool meant = instance != NULL ? handler == instance : handler->function == function;
        if (meant && !handler->removed && handler->base == base && handler->id == id) {
            handler->removed = true;
            err = ESP_OK;
            break;
        }
    }
    if (loop->walking == 0) {
        free_removed(loop);
    }
    xSemaphoreGiveRecursive(loop->mutex);
    return err == ESP_ERR_NOT_FOUND ? ESP_OK : err; /* ESP-IDF does not say that there was none */
}

static esp_err_t with_default(esp_err_t err_without)
{
    return default_loop != NULL ? ESP_OK : err_without;
}

esp_err_t esp_event_handler_register_with(esp_event_loop_handle_t loop, esp_event_base_t base, int32_t id,
                                          esp_event_handler_t handler, void *arg)
{
    return register_handler(loop, base, id, handler, arg, NULL);
}

esp_err_t esp_event_handler_register(esp_event_base_t base, int32_t id, esp_event_handler_t handler, void *arg)
{
    esp_err_t err = with_default(ESP_ERR_INVALID_STATE);
    return err != ESP_OK ? err : register_handler(default_loop, base, id, handler, arg, NULL);
}

esp_err_t esp_event_handler_instance_register_with(esp_event_loop_handle_t loop, esp_event_base_t base, int32_t id,
                                                   esp_event_handler_t handler, void *arg,
                                                   esp_event_handler_instance_t *instance)
{
    esp_event_handler_instance_t unused;
    return register_handler(loop, base, id, handler, arg, instance != NULL ? instance : &unused);
}

esp_err_t esp_event_handler_instance_register(esp_event_base_t base, int32_t id, esp_event_handler_t handler, void *arg,
                                              esp_event_handler_instance_t *instance)
{
    esp_err_t err = with_default(ESP_ERR_INVALID_STATE);
    return err != ESP_OK ? err
                         : esp_event_handler_instance_register_with(default_loop, base, id, handler, arg, instance);
}

esp_err_t esp_event_handler_unregister_with(esp_event_loop_handle_t loop, esp_event_base_t base, int32_t id,
                                            esp_event_handler_t handler)
{
    return unregister_handler(loop, base, id, handler, NULL);
}

esp_err_t esp_event_handler_unregister(esp_event_base_t base, int32_t id, esp_event_handler_t handler)
{
    esp_err_t err = with_default(ESP_ERR_INVALID_STATE);
    return err != ESP_OK ? err : unregister_handler(default_loop, base, id, handler, NULL);
}

esp_err_t esp_event_handler_instance_unregister_with(esp_event_loop_handle_t loop, esp_event_base_t base, int32_t id,
                                                     esp_event_handler_instance_t instance)
{
    return instance == NULL ? ESP_ERR_INVALID_ARG : unregister_handler(loop, base, id, NULL, instance);
}

esp_err_t esp_event_handler_instance_unregister(esp_event_base_t base, int32_t id,
                                                esp_event_handler_instance_t instance)
{
    esp_err_t err = with_default(ESP_ERR_INVALID_STATE);
    return err != ESP_OK ? err : esp_event_handler_instance_unregister_with(default_loop, base, id, instance);
}

/* A post from where the loop is driven must not wait for room: only the poster itself could make some. */
static TickType_t allowed_wait(struct loop *loop, TickType_t ticks)
{
    TaskHandle_t self = xTaskGetCurrentTaskHandle();
    return self != NULL && (loop->task == self || loop->running == self) ? 0 : ticks;
}

esp_err_t esp_event_post_to(esp_event_loop_handle_t handle, esp_event_base_t base, int32_t id, const void *data,
                            size_t data_size, TickType_t ticks)
{
    struct loop *loop = handle;
    if (loop == NULL || base == ESP_EVENT_ANY_BASE || id == ESP_EVENT_ANY_ID) {
        return ESP_ERR_INVALID_ARG;
    }
    struct posted event = {.base = base, .id = id};
    if (data != NULL && data_size > 0) {
        event.data = heap_caps_malloc(data_size, MALLOC_CAP_DEFAULT);
        if (event.data == NULL) {
            return ESP_ERR_NO_MEM;
        }
        memcpy(event.data, data, data_size);
    }
    if (xQueueSend(loop->queue, &event, allowed_wait(loop, ticks)) != pdTRUE) {
        heap_caps_free(event.data);
        return ESP_ERR_TIMEOUT;
    }
    return ESP_OK;
}

esp_err_t esp_event_post(esp_event_base_t base, int32_t id, const void *data, size_t data_size, TickType_t ticks)
{
    esp_err_t err = with_default(ESP_ERR_INVALID_STATE);
    return err != ESP_OK ? err : esp_event_post_to(default_loop, base, id, data, data_size, ticks);
}
