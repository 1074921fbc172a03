/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The bug behind all this: a task is deleted while it is blocked in send(). lwIP still holds a pointer to a struct on
 * its stack; the stack is given back and overwritten; the client reads on, lwIP takes up the write, and asserts.
 */
#include "esp_system.h"
#include "freertos/task.h"
#include "loopback.h"

#define STACK 2048
#define PORT  4100

static void write_for_ever(void *arg)
{
    static char data[50000];
    for (;;) {
        send((int)(intptr_t)arg, data, sizeof(data), 0);
    }
}

void app_main(void)
{
    if (esp_reset_reason() == ESP_RST_PANIC) {
        TEST_END();
    }
    static char got[2000];
    int ends[2];
    TaskHandle_t task;
    start_lwip();
    connect_pair(PORT, ends);
    TEST_EQ(pdPASS, xTaskCreate(write_for_ever, "writer", STACK, (void *)(intptr_t)ends[0], 5, &task));
    vTaskDelay(50);
    TEST_EQ(eBlocked, eTaskGetState(task));
    vTaskDelete(task);
    /* The acknowledgements of what is read now make lwIP go on with the write. */
    for (int i = 0; i < 30; i++) {
        recv(ends[1], got, sizeof(got), MSG_DONTWAIT);
        vTaskDelay(10);
    }
    TEST_FAIL("%s", "lwIP did not notice");
}
