/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Fails in the way its argument says; at the next boot the reset reason must be panic. The text is seen from outside.
 */
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "board_test.h"
#include "esp_heap_caps.h"
#include "esp_system.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

static volatile int three = 3;
static int *volatile nowhere = (int *)16;

static void fail_assert(void)
{
    assert(1 + 1 == three);
}

static void fail_abort(void)
{
    abort();
}

static esp_err_t broken(void)
{
    return ESP_ERR_INVALID_STATE;
}

static void fail_check(void)
{
    ESP_ERROR_CHECK(broken());
}

static void fail_load(void)
{
    printf("%d\n", *nowhere);
}

static void fail_store(void)
{
    *nowhere = 1;
}

static void fail_fetch(void)
{
    ((void (*)(void))(uintptr_t)nowhere)();
}

static void fail_illegal(void)
{
    __builtin_trap();
}

/* Inside the console's own code, with its lock held. */
static void fail_printf(void)
{
    printf("%s\n", (const char *)nowhere);
}

static void return_at_once(void *arg)
{
    (void)arg;
}

static void fail_returned(void)
{
    xTaskCreate(return_at_once, "returns", 2048, NULL, 5, NULL);
    vTaskDelay(100);
}

static void fail_double_free(void)
{
    void *volatile block = heap_caps_malloc(40, MALLOC_CAP_8BIT);
    heap_caps_free(block);
    heap_caps_free(block);
}

static void fail_overrun(void)
{
    volatile char *block = heap_caps_malloc(40, MALLOC_CAP_8BIT);
    block[40] = 0;
    heap_caps_free((void *)block);
}

/* Found when the memory is handed out again. */
static void fail_after_free(void)
{
    volatile char *block = heap_caps_malloc(400, MALLOC_CAP_8BIT);
    heap_caps_free((void *)block);
    block[201] = 0x42;
    block = heap_caps_malloc(heap_caps_get_largest_free_block(MALLOC_CAP_DEFAULT), MALLOC_CAP_8BIT);
}

static void fail_with_the_rest(void *arg)
{
    atomic_int *at_once = arg;
    atomic_fetch_sub(at_once, 1);
    while (atomic_load(at_once) != 0) {
    }
    extern void fail_many(void);
    fail_many();
}

void fail_many(void);

void fail_many(void)
{
    assert(0);
}

/* Two tasks at once: one panic is told, in one piece. */
static void fail_many_at_once(void)
{
    static atomic_int at_once = 2;
    for (int i = 0; i < 2; i++) {
        xTaskCreate(fail_with_the_rest, "fails", 4096, &at_once, 5, NULL);
    }
    vTaskDelay(100);
}

void app_main(void)
{
    static const struct {
        const char *cause;
        void (*fail)(void);
    } causes[] = {
        {"assert", fail_assert},     {"abort", fail_abort},
        {"check", fail_check},       {"load", fail_load},
        {"store", fail_store},       {"fetch", fail_fetch},
        {"illegal", fail_illegal},   {"printf", fail_printf},
        {"returned", fail_returned}, {"double_free", fail_double_free},
        {"overrun", fail_overrun},   {"after_free", fail_after_free},
        {"many", fail_many_at_once},
    };
    if (esp_reset_reason() == ESP_RST_PANIC) {
        TEST_END();
    }
    TEST_EQ(2, board_argc);
    for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
        if (strcmp(board_argv[1], causes[i].cause) == 0) {
            causes[i].fail();
        }
    }
    TEST_FAIL("%s", "no panic");
}
