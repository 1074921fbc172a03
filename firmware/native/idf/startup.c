/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * From the start of the process to app_main(): what reset, ROM and ESP-IDF's startup code do on a chip.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "board_link_client.h"
#include "esp_log.h"
#include "esp_system.h"
#include "esp_task.h"
#include "esp_timer_internal.h"
#include "heap_arena.h"
#include "native_kernel.h"
#include "panic.h"

#define EXIT_USAGE 2

extern void app_main(void);

int board_argc;
char **board_argv;

static void main_task(void *arg)
{
    (void)arg;
    ESP_LOGI("main_task", "Started on CPU0");
    ESP_LOGI("main_task", "Calling app_main()");
    app_main();
    ESP_LOGI("main_task", "Returned from app_main()");
    vTaskDelete(NULL);
}

int main(int argc, char **argv)
{
    static _Alignas(16) uint8_t signal_stack[64 * 1024];
    board_argc = argc;
    board_argv = argv;
    signal(SIGPIPE, SIG_IGN); /* a serial line or link without another end is no reason to die */
    if (!board_link_open()) {
        fprintf(stderr, "%s: a program of the native board, which starts it: native-board --program FILE\n", argv[0]);
        return EXIT_USAGE;
    }
    heap_arena_init(board_hello()->heap_bytes);
    kernel_signal_stack(signal_stack, sizeof(signal_stack));
    panic_init();
    kernel_start();
    kernel_timers_start();
    esp_timer_start_task();
    BaseType_t ok = xTaskCreatePinnedToCore(main_task, "main", ESP_TASK_MAIN_STACK, NULL, ESP_TASK_MAIN_PRIO, NULL, 0);
    if (ok != pdPASS) {
        esp_system_abort("The heap is too small for the main task");
    }
    for (;;) {
        pause(); /* the process is its tasks now */
    }
}
