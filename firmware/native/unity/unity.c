/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Prints what Unity prints, so that whoever reads one reads the other.
 */
#include "unity.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

static unity_case_t *s_first, **s_end = &s_first;
static const unity_case_t *s_running;
static jmp_buf s_leave;
static int s_tests, s_failures;

static void report(const char *result, const char *text, int line)
{
    const char *slash = strrchr(s_running->file, '/');
    printf("%s:%d:%s:%s%s%s\n", slash != NULL ? slash + 1 : s_running->file, line, s_running->name, result,
           text[0] != '\0' ? ": " : "", text);
}

static void __attribute__((noreturn)) fail(const char *text, int line)
{
    report("FAIL", text, line);
    s_failures++;
    longjmp(s_leave, 1);
}

void unity_register(unity_case_t *test)
{
    *s_end = test;
    s_end = &test->next;
}

static void run(const unity_case_t *test)
{
    printf("Running %s...\n", test->name);
    s_running = test;
    s_tests++;
    if (setjmp(s_leave) == 0) {
        test->run();
        report("PASS", "", 0);
    }
}

void unity_run_all_tests(void)
{
    for (const unity_case_t *test = s_first; test != NULL; test = test->next) {
        run(test);
    }
}

int unity_begin(void)
{
    s_tests = s_failures = 0;
    return 0;
}

int unity_end(void)
{
    printf("\n-----------------------\n%d Tests %d Failures 0 Ignored\n%s\n", s_tests, s_failures,
           s_failures == 0 ? "OK" : "FAIL");
    return s_failures;
}

void unity_check(bool holds, const char *text, int line)
{
    if (!holds) {
        fail(text, line);
    }
}

void unity_check_equal(intmax_t expected, intmax_t actual, const char *text, int line)
{
    if (expected != actual) {
        char said[160];
        snprintf(said, sizeof(said), "Expected %" PRIdMAX " Was %" PRIdMAX ". %s", expected, actual, text);
        fail(said, line);
    }
}
