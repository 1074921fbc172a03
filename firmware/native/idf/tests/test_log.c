/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The log: its form is seen from outside (see CMakeLists.txt); here its levels, and that lines of many tasks stay
 * whole, which the program checks by reading its own serial line.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "board_test.h"
#include "esp_log.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

#define TASKS 4
#define LINES 500

static atomic_int ready;

static void chatter(void *arg)
{
    atomic_fetch_add(&ready, 1);
    while (atomic_load(&ready) < TASKS) {
        taskYIELD();
    }
    for (int i = 0; i < LINES; i++) {
        switch (i % 3) {
        case 0:
            ESP_LOGI("chatter", "from %d line %d end", (int)(intptr_t)arg, i);
            break;
        case 1:
            printf("P (0) chatter: from %d line %d end\n", (int)(intptr_t)arg, i);
            break;
        default:
            puts("P (0) chatter: from 0 line 0 end");
        }
    }
    xTaskNotifyGive(xTaskGetHandle("main"));
    vTaskDelete(NULL);
}

static int whole_lines(const char *text)
{
    int whole = 0;
    for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        char letter;
        unsigned ms;
        int from, number, used = 0;
        TEST_TRUE(strchr(line, '\n') != NULL);
        int matched = sscanf(line, "%c (%u) chatter: from %d line %d end%n", &letter, &ms, &from, &number, &used);
        TEST_EQ(4, matched);
        TEST_EQ('\n', line[used]);
        whole++;
    }
    return whole;
}

static void lines_stay_whole(void)
{
    static char text[TASKS * LINES * 60];
    int serial = dup(STDOUT_FILENO);
    int fds[2];
    TEST_EQ(0, pipe(fds));
    TEST_TRUE(fcntl(fds[1], F_SETPIPE_SZ, 1 << 20) >= (int)sizeof(text));
    dup2(fds[1], STDOUT_FILENO);
    for (int i = 0; i < TASKS; i++) {
        xTaskCreate(chatter, "chatter", 2048, (void *)(intptr_t)i, 5, NULL);
    }
    for (int done = 0; done < TASKS;) {
        done += ulTaskNotifyTake(pdFALSE, 1000) > 0;
    }
    dup2(serial, STDOUT_FILENO);
    ssize_t len = read(fds[0], text, sizeof(text) - 1);
    TEST_TRUE(len > 0);
    text[len] = '\0';
    TEST_EQ(TASKS * LINES, whole_lines(text));
    close(serial);
    close(fds[0]);
    close(fds[1]);
}

static int lines_printed;

static int count_lines(const char *format, va_list args)
{
    (void)format;
    (void)args;
    return ++lines_printed;
}

static void levels_hold_for_their_tag(void)
{
    vprintf_like_t before = esp_log_set_vprintf(count_lines);
    esp_log_level_set("quiet", ESP_LOG_ERROR);
    ESP_LOGW("quiet", "not this");
    ESP_LOGE("quiet", "this");
    ESP_LOGW("other", "and this");
    ESP_LOGD("other", "not this");
    esp_log_level_set("*", ESP_LOG_INFO);
    ESP_LOGI("quiet", "and this");
    esp_log_set_vprintf(before);
    TEST_EQ(3, lines_printed);
}

static void long_lines_are_not_cut(void)
{
    char *text = malloc(10001);
    memset(text, 'x', 10000);
    text[10000] = '\0';
    TEST_EQ(10003, printf("<%s>\n", text));
    free(text);
}

void app_main(void)
{
    ESP_LOGI("tag", "one %d", 1);
    ESP_LOGW("tag", "two");
    ESP_LOGE("tag", "three");
    TEST_RUN(lines_stay_whole);
    TEST_RUN(levels_hold_for_their_tag);
    TEST_RUN(long_lines_are_not_cut);
    TEST_END();
}
