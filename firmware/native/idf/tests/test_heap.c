/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The heap: whatever is allocated and freed in whatever order, nothing overlaps, all comes back, and the figures are
 * exact.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdlib.h>

#include "board_test.h"
#include "esp_heap_caps.h"
#include "esp_random.h"
#include "esp_system.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "heap_arena.h"

#define SLOTS  300
#define ROUNDS 100000

static size_t free_bytes(void)
{
    return heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
}

static size_t largest(void)
{
    return heap_caps_get_largest_free_block(MALLOC_CAP_DEFAULT);
}

static void fill(uint8_t *block, size_t size, uint8_t seed)
{
    for (size_t i = 0; i < size; i++) {
        block[i] = (uint8_t)(seed + i);
    }
}

static void check(const uint8_t *block, size_t size, uint8_t seed)
{
    for (size_t i = 0; i < size; i++) {
        TEST_EQ((uint8_t)(seed + i), block[i]);
    }
}

static void random_use_keeps_every_byte(void)
{
    static struct {
        uint8_t *block;
        size_t size;
    } slots[SLOTS];
    size_t before = free_bytes(), before_largest = largest();
    unsigned failed = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned i = esp_random() % SLOTS;
        uint8_t seed = (uint8_t)i;
        size_t size = 1 + esp_random() % (round % 5 == 0 ? 30000 : 700);
        if (slots[i].block == NULL) {
            bool aligned = esp_random() % 8 == 0;
            size_t alignment = aligned ? (size_t)16 << esp_random() % 5 : 1;
            slots[i].block = aligned ? heap_caps_aligned_alloc(alignment, size, MALLOC_CAP_8BIT) : malloc(size);
            TEST_EQ(0, (uintptr_t)slots[i].block % (aligned ? alignment : 16));
        } else if (esp_random() % 4 == 0) {
            uint8_t *moved = realloc(slots[i].block, size);
            if (moved == NULL) {
                failed++;
                continue; /* the old block is still there */
            }
            check(moved, size < slots[i].size ? size : slots[i].size, seed);
            slots[i].block = moved;
        } else {
            check(slots[i].block, slots[i].size, seed);
            free(slots[i].block);
            slots[i].block = NULL;
            continue;
        }
        slots[i].size = size;
        if (slots[i].block == NULL) {
            failed++;
        } else {
            fill(slots[i].block, size, seed);
        }
        if (round % 1000 == 0) {
            TEST_TRUE(heap_caps_check_integrity_all(true));
        }
    }
    TEST_WITHIN(1, ROUNDS / 2, failed); /* the heap was full at times, as it was meant to be */
    for (unsigned i = 0; i < SLOTS; i++) {
        if (slots[i].block != NULL) {
            check(slots[i].block, slots[i].size, (uint8_t)i);
        }
        free(slots[i].block);
    }
    TEST_TRUE(heap_caps_check_integrity_all(true));
    TEST_EQ(before, free_bytes());
    TEST_EQ(before_largest, largest());
}

static void the_largest_block_is_exact(void)
{
    size_t size = largest();
    TEST_TRUE(malloc(size + 1) == NULL);
    void *block = malloc(size);
    TEST_TRUE(block != NULL);
    TEST_TRUE(largest() < size);
    free(block);
    TEST_EQ(size, largest());
}

static void neighbours_are_joined_in_any_order(void)
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    multi_heap_info_t before, after;
    heap_caps_get_info(&before, MALLOC_CAP_DEFAULT);
    for (int i = 0; i < 6; i++) {
        void *blocks[3];
        for (int j = 0; j < 3; j++) {
            blocks[j] = malloc(largest() / 8);
        }
        for (int j = 0; j < 3; j++) {
            free(blocks[orders[i][j]]);
        }
        heap_caps_get_info(&after, MALLOC_CAP_DEFAULT);
        TEST_EQ(before.free_blocks, after.free_blocks);
        TEST_EQ(before.total_free_bytes, after.total_free_bytes);
        TEST_EQ(before.largest_free_block, after.largest_free_block);
        TEST_EQ(before.allocated_blocks, after.allocated_blocks);
    }
}

static void memory_is_filled(void)
{
    uint8_t *volatile block = malloc(64); /* volatile: the compiler knows too much about malloc() and free() */
    TEST_EQ(0xCE, ((volatile uint8_t *)block)[0]);
    TEST_EQ(0xCE, ((volatile uint8_t *)block)[63]);
    uint8_t *volatile freed = block;
    free(block);
#ifndef __SANITIZE_ADDRESS__
    TEST_EQ(0xFE, freed[20]);
    TEST_EQ(0xFE, freed[63]);
#else
    (void)freed;
#endif
    block = calloc(4, 16);
    for (int i = 0; i < 64; i++) {
        TEST_EQ(0, block[i]);
    }
    free(block);
    volatile size_t huge = SIZE_MAX / 2;
    TEST_TRUE(calloc(huge, 4) == NULL);
    TEST_TRUE(malloc(0) == NULL);
}

static void a_failure_can_be_ordered(void)
{
    void *blocks[4];
    heap_arena_fail_after(2);
    for (int i = 0; i < 4; i++) {
        blocks[i] = malloc(10);
        TEST_EQ(i == 2, blocks[i] == NULL);
        free(blocks[i]);
    }
    heap_arena_fail_after(0);
    TEST_TRUE(malloc(1) == NULL);
    heap_arena_fail_after(0);
    heap_arena_fail_after(-1);
    free(malloc(1));
}

static size_t failed_size;

static void note_failure(size_t size, uint32_t caps, const char *function)
{
    (void)caps;
    TEST_STR_EQ("heap_caps_malloc", function);
    failed_size = size;
}

static void who_wants_to_know_is_told_of_a_failure(void)
{
    TEST_EQ(ESP_OK, heap_caps_register_failed_alloc_callback(note_failure));
    TEST_TRUE(heap_caps_malloc(100000000, MALLOC_CAP_8BIT) == NULL);
    TEST_EQ(100000000, failed_size);
    TEST_TRUE(heap_caps_malloc(10, MALLOC_CAP_SPIRAM) == NULL); /* there is none */
    TEST_EQ(0, heap_caps_get_free_size(MALLOC_CAP_SPIRAM));
}

static void the_least_ever_is_kept(void)
{
    size_t least = heap_caps_get_minimum_free_size(MALLOC_CAP_DEFAULT);
    TEST_TRUE(least <= free_bytes());
    void *block = malloc(largest());
    TEST_TRUE(esp_get_minimum_free_heap_size() <= least);
    TEST_EQ(esp_get_minimum_free_heap_size(), esp_get_free_heap_size());
    free(block);
    TEST_TRUE(esp_get_minimum_free_heap_size() < esp_get_free_heap_size());
    TEST_TRUE(heap_caps_get_total_size(MALLOC_CAP_DEFAULT) == board_hello()->heap_bytes);
}

static void strings_come_from_the_heap_and_libc_keeps_its_own(void)
{
    size_t before = free_bytes();
    char *copy = strdup("a string"), *part = strndup("a string", 3);
    TEST_STR_EQ("a string", copy);
    TEST_STR_EQ("a s", part);
    TEST_TRUE(heap_arena_contains(copy) && heap_arena_contains(part));
    free(copy);
    free(part);
    char *line = NULL;
    size_t capacity = 0;
    FILE *file = fopen("/proc/self/comm", "r");
    TEST_TRUE(file != NULL && getline(&line, &capacity, file) > 0);
    fclose(file);
    TEST_TRUE(!heap_arena_contains(line));
    free(line); /* allocated by libc: goes back there */
    TEST_EQ(before, free_bytes());
}

static void churn(void *arg)
{
    uint8_t seed = (uint8_t)(intptr_t)arg;
    for (int i = 0; i < 5000; i++) {
        size_t size = 1 + esp_random() % 400;
        uint8_t *block = malloc(size);
        if (block != NULL) {
            fill(block, size, seed);
            taskYIELD();
            check(block, size, seed);
        }
        free(block);
    }
    xTaskNotifyGive(xTaskGetHandle("main"));
    vTaskDelete(NULL);
}

static void tasks_share_it(void)
{
    for (int i = 0; i < 4; i++) {
        TEST_EQ(pdPASS, xTaskCreate(churn, "churn", 1024, (void *)(intptr_t)i, 5, NULL));
    }
    for (int done = 0; done < 4; done++) {
        TEST_TRUE(ulTaskNotifyTake(pdFALSE, 2000) > 0);
    }
    TEST_TRUE(heap_caps_check_integrity_all(true));
}

void app_main(void)
{
    TEST_RUN(random_use_keeps_every_byte);
    TEST_RUN(the_largest_block_is_exact);
    TEST_RUN(neighbours_are_joined_in_any_order);
    TEST_RUN(memory_is_filled);
    TEST_RUN(a_failure_can_be_ordered);
    TEST_RUN(the_least_ever_is_kept);
    TEST_RUN(strings_come_from_the_heap_and_libc_keeps_its_own);
    TEST_RUN(tasks_share_it);
    TEST_RUN(who_wants_to_know_is_told_of_a_failure);
    TEST_END();
}
