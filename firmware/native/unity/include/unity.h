/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What of ESP-IDF's component `unity` the test apps use, so that they run on the native board too. A test whose check
 * fails ends there, and the next one begins.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct unity_case {
    const char *name;
    const char *file;
    void (*run)(void);
    struct unity_case *next;
} unity_case_t;

/** Used by TEST_CASE(), before app_main(). */
void unity_register(unity_case_t *test);

void unity_run_all_tests(void);
int unity_begin(void);
int unity_end(void); /* @return how many failed */
void unity_check(bool holds, const char *text, int line);
void unity_check_equal(intmax_t expected, intmax_t actual, const char *text, int line);

#define UNITY_BEGIN() unity_begin()
#define UNITY_END()   unity_end()

#define UNITY_JOINED(a, b) a##b
#define UNITY_NAMED(a, b)  UNITY_JOINED(a, b)

#define TEST_CASE(title, tags) UNITY_CASE(title, UNITY_NAMED(unity_case_, __LINE__))
#define UNITY_CASE(title, id)                                                 \
    static void id(void);                                                     \
    static unity_case_t UNITY_NAMED(id, _entry) = {title, __FILE__, id, 0};   \
    static void __attribute__((constructor)) UNITY_NAMED(id, _register)(void) \
    {                                                                         \
        unity_register(&UNITY_NAMED(id, _entry));                             \
    }                                                                         \
    static void id(void)

#define TEST_ASSERT_TRUE(condition)   unity_check((condition), #condition " is not true", __LINE__)
#define TEST_ASSERT_NULL(pointer)     unity_check((pointer) == 0, #pointer " is not NULL", __LINE__)
#define TEST_ASSERT_NOT_NULL(pointer) unity_check((pointer) != 0, #pointer " is NULL", __LINE__)
#define TEST_ASSERT_EQUAL(expected, actual) \
    unity_check_equal((intmax_t)(expected), (intmax_t)(actual), #actual, __LINE__)
#define TEST_ASSERT_EQUAL_STRING(expected, actual) \
    unity_check(strcmp((expected), (actual)) == 0, #actual " is another text", __LINE__)
