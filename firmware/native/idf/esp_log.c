/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * ESP-IDF's log: levels by tag, and one line a call.
 */
#include <ctype.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "console.h"
#include "esp_log.h"
#include "native_kernel.h"

#define MAX_TAGS       32
#define TAG_BYTES      24
#define BYTES_PER_LINE 16

static struct {
    char tag[TAG_BYTES];
    esp_log_level_t level;
} tags[MAX_TAGS]; /* with tag_count and default_level: under the kernel lock */
static size_t tag_count;
static esp_log_level_t default_level = CONFIG_LOG_DEFAULT_LEVEL;
static _Atomic(vprintf_like_t) print = console_vprintf;

uint32_t esp_log_timestamp(void)
{
    return (uint32_t)(kernel_now_us() / 1000);
}

void esp_log_level_set(const char *tag, esp_log_level_t level)
{
    kernel_lock();
    size_t i = 0;
    if (strcmp(tag, "*") == 0) {
        tag_count = 0;
        default_level = level;
    } else {
        while (i < tag_count && strncmp(tags[i].tag, tag, TAG_BYTES - 1) != 0) {
            i++;
        }
        if (i < MAX_TAGS) {
            strncpy(tags[i].tag, tag, TAG_BYTES - 1);
            tags[i].level = level;
            tag_count = i == tag_count ? i + 1 : tag_count;
        }
    }
    kernel_unlock();
}

esp_log_level_t esp_log_level_get(const char *tag)
{
    kernel_lock();
    esp_log_level_t level = default_level;
    for (size_t i = 0; i < tag_count; i++) {
        if (strncmp(tags[i].tag, tag, TAG_BYTES - 1) == 0) {
            level = tags[i].level;
        }
    }
    kernel_unlock();
    return level;
}

vprintf_like_t esp_log_set_vprintf(vprintf_like_t function)
{
    return atomic_exchange(&print, function);
}

void esp_log_writev(esp_log_level_t level, const char *tag, const char *format, va_list args)
{
    if (level <= esp_log_level_get(tag)) {
        atomic_load (&print)(format, args);
    }
}

void esp_log_write(esp_log_level_t level, const char *tag, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    esp_log_writev(level, tag, format, args);
    va_end(args);
}

static char letter_of(esp_log_level_t level)
{
    return "NEWIDV"[level];
}

void esp_log_buffer_hex_internal(const char *tag, const void *buffer, uint16_t length, esp_log_level_t level)
{
    const uint8_t *bytes = buffer;
    for (unsigned at = 0; at < length; at += BYTES_PER_LINE) {
        char line[3 * BYTES_PER_LINE + 1] = "";
        for (unsigned i = at; i < length && i < at + BYTES_PER_LINE; i++) {
            snprintf(line + 3 * (i - at), 4, "%02x ", bytes[i]);
        }
        esp_log_write(level, tag, "%c (%" PRIu32 ") %s: %s\n", letter_of(level), esp_log_timestamp(), tag, line);
    }
}

void esp_log_buffer_char_internal(const char *tag, const void *buffer, uint16_t length, esp_log_level_t level)
{
    const char *bytes = buffer;
    for (unsigned at = 0; at < length; at += BYTES_PER_LINE) {
        int count = length - at < BYTES_PER_LINE ? (int)(length - at) : BYTES_PER_LINE;
        esp_log_write(level, tag, "%c (%" PRIu32 ") %s: %.*s\n", letter_of(level), esp_log_timestamp(), tag, count,
                      bytes + at);
    }
}
