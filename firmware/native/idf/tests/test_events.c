/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Event loops: who is called, in which order, where; and what a full queue does.
 */
#include <stdatomic.h>

#include "board_test.h"
#include "esp_event.h"
#include "esp_heap_caps.h"
#include "esp_timer.h"

ESP_EVENT_DEFINE_BASE(TEST_EVENT);
ESP_EVENT_DEFINE_BASE(OTHER_EVENT);

static char order[32];
static atomic_int calls;

static void note(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    (void)base;
    (void)id;
    (void)data;
    strncat(order, arg, sizeof(order) - strlen(order) - 1);
    atomic_fetch_add(&calls, 1);
}

static void note_too(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    note(arg, base, id, data);
}

static void settle(int expected)
{
    TEST_EVENTUALLY(atomic_load(&calls) >= expected);
    vTaskDelay(2); /* would there be more? */
    TEST_EQ(expected, atomic_load(&calls));
}

static void start(void)
{
    order[0] = '\0';
    atomic_store(&calls, 0);
}

static void handlers_are_called_from_the_general_to_the_special(void)
{
    esp_event_handler_instance_t special, any_id, any_base;
    start();
    TEST_EQ(ESP_OK, esp_event_handler_instance_register(TEST_EVENT, 1, note, "3", &special));
    TEST_EQ(ESP_OK, esp_event_handler_register(TEST_EVENT, 1, note_too, "x"));
    TEST_EQ(ESP_OK, esp_event_handler_register(TEST_EVENT, 1, note_too, "4")); /* takes the place of the former */
    TEST_EQ(ESP_OK, esp_event_handler_instance_register(TEST_EVENT, ESP_EVENT_ANY_ID, note, "2", &any_id));
    TEST_EQ(ESP_OK, esp_event_handler_instance_register(ESP_EVENT_ANY_BASE, ESP_EVENT_ANY_ID, note, "1", &any_base));
    TEST_EQ(ESP_OK, esp_event_post(TEST_EVENT, 1, NULL, 0, 10));
    settle(4);
    TEST_STR_EQ("1234", order);
    TEST_EQ(ESP_OK, esp_event_post(TEST_EVENT, 2, NULL, 0, 10));
    TEST_EQ(ESP_OK, esp_event_post(OTHER_EVENT, 1, NULL, 0, 10));
    settle(7);
    TEST_STR_EQ("1234121", order);
    TEST_EQ(ESP_OK, esp_event_handler_instance_unregister(TEST_EVENT, 1, special));
    TEST_EQ(ESP_OK, esp_event_handler_instance_unregister(TEST_EVENT, ESP_EVENT_ANY_ID, any_id));
    TEST_EQ(ESP_OK, esp_event_handler_instance_unregister(ESP_EVENT_ANY_BASE, ESP_EVENT_ANY_ID, any_base));
    start();
    TEST_EQ(ESP_OK, esp_event_post(TEST_EVENT, 1, NULL, 0, 10));
    settle(1);
    TEST_STR_EQ("4", order);
    TEST_EQ(ESP_OK, esp_event_handler_unregister(TEST_EVENT, 1, note_too));
}

static void check_data(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    TEST_TRUE(arg == &calls);
    TEST_TRUE(base == TEST_EVENT);
    TEST_EQ(7, id);
    TEST_STR_EQ("posted", data);
    TEST_STR_EQ("sys_evt", pcTaskGetName(NULL));
    atomic_fetch_add(&calls, 1);
}

static void the_data_is_a_copy(void)
{
    char text[] = "posted";
    start();
    esp_event_handler_register(TEST_EVENT, 7, check_data, &calls);
    TEST_EQ(ESP_OK, esp_event_post(TEST_EVENT, 7, text, sizeof(text), 10));
    memset(text, 'x', sizeof(text) - 1);
    settle(1);
    esp_event_handler_unregister(TEST_EVENT, 7, check_data);
}

static esp_event_handler_instance_t once_instance;

static void only_once(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    (void)arg;
    (void)data;
    atomic_fetch_add(&calls, 1);
    TEST_EQ(ESP_OK, esp_event_handler_instance_unregister(base, id, once_instance));
    TEST_EQ(ESP_OK, esp_event_post(base, id, NULL, 0, portMAX_DELAY)); /* goes to nobody */
}

static void a_handler_may_remove_itself(void)
{
    start();
    esp_event_handler_instance_register(TEST_EVENT, 3, only_once, NULL, &once_instance);
    esp_event_post(TEST_EVENT, 3, NULL, 0, 10);
    settle(1);
}

static void remove_next(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    (void)data;
    atomic_fetch_add(&calls, 1);
    TEST_EQ(ESP_OK, esp_event_handler_unregister(base, id, arg));
}

static void a_removed_handler_is_not_called_any_more(void)
{
    start();
    esp_event_handler_register(TEST_EVENT, 6, remove_next, note_too);
    esp_event_handler_register(TEST_EVENT, 6, note_too, "n");
    esp_event_post(TEST_EVENT, 6, NULL, 0, 10);
    settle(1);
    TEST_STR_EQ("", order);
    esp_event_handler_unregister(TEST_EVENT, 6, remove_next);
}

static atomic_bool dawdled;

static void dawdle(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    (void)arg;
    (void)base;
    (void)id;
    (void)data;
    atomic_fetch_add(&calls, 1);
    vTaskDelay(50);
    atomic_store(&dawdled, true);
}

static void a_full_queue_times_out(void)
{
    start();
    esp_event_handler_register(TEST_EVENT, 4, dawdle, NULL);
    size_t before = heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
    esp_event_post(TEST_EVENT, 4, NULL, 0, 10);
    settle(1);
    for (int i = 0; i < 32; i++) {
        TEST_EQ(ESP_OK, esp_event_post(TEST_EVENT, 5, "data", 5, 0));
    }
    int64_t from_us = esp_timer_get_time();
    TEST_EQ(ESP_ERR_TIMEOUT, esp_event_post(TEST_EVENT, 5, "data", 5, 5));
    TEST_WITHIN(40000, 400000, esp_timer_get_time() - from_us);
    /* Unregistering returns only when the handler runs no more. */
    TEST_EQ(ESP_OK, esp_event_handler_unregister(TEST_EVENT, 4, dawdle));
    TEST_TRUE(atomic_load(&dawdled));
    TEST_EVENTUALLY(heap_caps_get_free_size(MALLOC_CAP_DEFAULT) >= before); /* the data of all has been freed */
}

static void a_loop_without_a_task_is_driven(void)
{
    esp_event_loop_handle_t loop;
    esp_event_loop_args_t args = {.queue_size = 2};
    size_t before = heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
    start();
    TEST_EQ(ESP_OK, esp_event_loop_create(&args, &loop));
    TEST_EQ(ESP_OK, esp_event_handler_register_with(loop, TEST_EVENT, 1, note, "a"));
    TEST_EQ(ESP_OK, esp_event_post_to(loop, TEST_EVENT, 1, NULL, 0, 0));
    TEST_EQ(ESP_OK, esp_event_post_to(loop, TEST_EVENT, 1, "x", 2, 0));
    TEST_EQ(ESP_ERR_TIMEOUT, esp_event_post_to(loop, TEST_EVENT, 1, NULL, 0, 0));
    TEST_EQ(0, atomic_load(&calls));
    TEST_EQ(ESP_OK, esp_event_loop_run(loop, 2));
    TEST_STR_EQ("aa", order);
    TEST_EQ(ESP_OK, esp_event_post_to(loop, TEST_EVENT, 1, "left behind", 12, 0));
    TEST_EQ(ESP_OK, esp_event_loop_delete(loop));
    TEST_EQ(before, heap_caps_get_free_size(MALLOC_CAP_DEFAULT));
}

static void misuse_is_refused(void)
{
    TEST_EQ(ESP_ERR_INVALID_STATE, esp_event_loop_create_default());
    TEST_EQ(ESP_ERR_INVALID_ARG, esp_event_post(ESP_EVENT_ANY_BASE, 1, NULL, 0, 0));
    TEST_EQ(ESP_ERR_INVALID_ARG, esp_event_post(TEST_EVENT, ESP_EVENT_ANY_ID, NULL, 0, 0));
    TEST_EQ(ESP_ERR_INVALID_ARG, esp_event_handler_register(ESP_EVENT_ANY_BASE, 1, note, NULL));
    TEST_EQ(ESP_ERR_INVALID_ARG, esp_event_handler_register(TEST_EVENT, 1, NULL, NULL));
}

void app_main(void)
{
    TEST_EQ(ESP_ERR_INVALID_STATE, esp_event_post(TEST_EVENT, 1, NULL, 0, 0));
    TEST_EQ(ESP_OK, esp_event_loop_create_default());
    TEST_RUN(handlers_are_called_from_the_general_to_the_special);
    TEST_RUN(the_data_is_a_copy);
    TEST_RUN(a_handler_may_remove_itself);
    TEST_RUN(a_removed_handler_is_not_called_any_more);
    TEST_RUN(a_full_queue_times_out);
    TEST_RUN(a_loop_without_a_task_is_driven);
    TEST_RUN(misuse_is_refused);
    TEST_EQ(ESP_OK, esp_event_loop_delete_default());
    TEST_END();
}
