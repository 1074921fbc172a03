/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * lwIP's inner functions are for its own task alone: another that calls one is caught at once.
 */
#include "esp_system.h"
#include "loopback.h"
#include "lwip/tcp.h"

void app_main(void)
{
    if (esp_reset_reason() == ESP_RST_PANIC) {
        TEST_END();
    }
    start_lwip();
    tcp_new();
    TEST_FAIL("%s", "the call was let through");
}
