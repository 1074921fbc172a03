/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * httpd_start() when it cannot: what it says, and what it leaves behind.
 */
#include <stdlib.h>

#include "esp_heap_caps.h"
#include "heap_arena.h"
#include "test_client.h"

static void too_many_sockets_are_refused(void)
{
    httpd_config_t config = test_config();
    config.max_open_sockets = CONFIG_LWIP_MAX_SOCKETS - 2;
    httpd_handle_t handle = NULL;
    TEST_EQ(ESP_ERR_INVALID_ARG, httpd_start(&handle, &config));
    TEST_TRUE(handle == NULL);
}

static void a_failed_start_leaves_nothing(void)
{
    httpd_handle_t other = NULL;
    httpd_config_t config = test_config();
    TEST_EQ(ESP_ERR_INVALID_ARG, httpd_start(NULL, &config));
    TEST_EQ(ESP_ERR_INVALID_ARG, httpd_start(&other, NULL));
    TEST_EQ(ESP_ERR_INVALID_ARG, httpd_stop(NULL));
    TEST_EQ(ESP_ERR_INVALID_ARG, httpd_queue_work(NULL, NULL, NULL));

    httpd_handle_t server = test_start(&config);
    test_sleep_ms(100); /* its task has begun and taken what it needs */
    unsigned sockets = test_free_sockets();
    size_t heap = heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
    TEST_EQ(ESP_FAIL, httpd_start(&other, &config));
    TEST_TRUE(test_logged("httpd_server_init: error in bind (") || test_logged("httpd_server_init: error in listen ("));
    config.server_port = TEST_PORT + 1;
    TEST_EQ(ESP_FAIL, httpd_start(&other, &config));
    TEST_TRUE(test_logged("httpd_server_init: error in creating ctrl socket ("));
    TEST_TRUE(other == NULL);
    TEST_EQ(sockets, test_free_sockets());
    TEST_EQ(heap, heap_caps_get_free_size(MALLOC_CAP_DEFAULT));
    test_stop(server);
}

static void a_start_without_memory_says_so(void)
{
    test_sleep_ms(50);
    httpd_config_t config = test_config();
    size_t heap = heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
    for (long k = 0; k < 4; k++) {
        httpd_handle_t none = NULL;
        heap_arena_fail_after(k);
        esp_err_t err = httpd_start(&none, &config);
        heap_arena_fail_after(-1);
        TEST_EQ(ESP_ERR_HTTPD_ALLOC_MEM, err);
        TEST_EQ(heap, heap_caps_get_free_size(MALLOC_CAP_DEFAULT));
    }
}

static void a_start_without_a_task_keeps_its_sockets(void)
{
    httpd_config_t config = test_config();
    config.server_port = TEST_PORT + 2;
    config.ctrl_port = CTRL_PORT + 2;
    config.stack_size = 60000;
    unsigned sockets = test_free_sockets();
    void *hog = malloc(heap_caps_get_largest_free_block(MALLOC_CAP_DEFAULT) - 60000);
    TEST_TRUE(hog != NULL);
    httpd_handle_t none = NULL;
    esp_err_t err = httpd_start(&none, &config);
    free(hog);
    TEST_EQ(ESP_ERR_HTTPD_TASK, err);
    TEST_TRUE(none == NULL);
    TEST_EQ(sockets - 3, test_free_sockets());
}

void app_main(void)
{
    test_board_begin();
    TEST_RUN(too_many_sockets_are_refused);
    TEST_RUN(a_failed_start_leaves_nothing);
    TEST_RUN(a_start_without_memory_says_so);
    TEST_RUN(a_start_without_a_task_keeps_its_sockets);
    TEST_END();
}
