/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "boot_fault.h"

#if CONFIG_HIL_BOOT_FAULTS

#include <stdlib.h>
#include <string.h>

#include "esp_log.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

#include "settings.h"

static const char TAG[] = "boot_fault";

void boot_fault(const char *name)
{
    if (strcmp(settings()->boot_fault, name) != 0) {
        return;
    }
    ESP_LOGW(TAG, "%s: this boot ends here", name);
    if (strcmp(name, "panic") == 0) {
        abort();
    }
    for (;;) {
        vTaskDelay(portMAX_DELAY);
    }
}

#endif
