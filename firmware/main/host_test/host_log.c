/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * ESP_LOGx without a board: on stderr, where a test that fails shows it.
 */
#include <stdarg.h>
#include <stdio.h>

#include "esp_err.h"
#include "esp_log.h"

uint32_t esp_log_timestamp(void)
{
    return 0;
}

void esp_log_write(esp_log_level_t level, const char *tag, const char *format, ...)
{
    va_list args;
    (void)level;
    (void)tag;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
}

const char *esp_err_to_name(esp_err_t err)
{
    static char s_name[16];
    snprintf(s_name, sizeof(s_name), "0x%x", (unsigned)err);
    return s_name;
}
