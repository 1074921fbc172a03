/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The `@hil` lines. Number and line go out under one lock, so that the numbers on the console rise without a gap, and a
 * line goes to the console in one piece, so that no other task's output lands inside it. Nothing is allocated: events
 * must come out when the heap is used up.
 */
#include "events.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "esp_log.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"

#define LINE_BYTES 768

static SemaphoreHandle_t s_lock;
static StaticSemaphore_t s_lock_memory;
static uint32_t s_number;       /* guarded by s_lock */
static char s_line[LINE_BYTES]; /* guarded by s_lock */

void events_init(void)
{
    s_lock = xSemaphoreCreateMutexStatic(&s_lock_memory);
}

void event(const char *ev, const char *fmt, ...)
{
    xSemaphoreTake(s_lock, portMAX_DELAY);
    const int64_t now_ms = esp_timer_get_time() / 1000;
    int len = snprintf(s_line, sizeof(s_line), "@hil {\"n\":%lu,\"t\":%lld,\"ev\":\"%s\"%s", (unsigned long)s_number,
                       (long long)now_ms, ev, fmt[0] != '\0' ? "," : "");
    va_list args;
    va_start(args, fmt);
    len += vsnprintf(s_line + len, sizeof(s_line) - (size_t)len, fmt, args);
    va_end(args);
    if (len + 3 > (int)sizeof(s_line)) {
        /* Never half an object: the bench would take it for a damaged line. */
        len = snprintf(s_line, sizeof(s_line), "@hil {\"n\":%lu,\"t\":%lld,\"ev\":\"%s\",\"cut\":true",
                       (unsigned long)s_number, (long long)now_ms, ev);
    }
    s_line[len++] = '}';
    s_line[len++] = '\n';
    s_number++;
    fwrite(s_line, 1, (size_t)len, stdout);
    fflush(stdout);
    xSemaphoreGive(s_lock);
}

const char *event_quote(char *out, size_t size, const char *text)
{
    size_t at = 0;
    out[at++] = '"';
    for (; *text != '\0' && at + 8 < size; text++) { /* room for one escape, the quote and the end */
        const unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            out[at++] = '\\';
            out[at++] = (char)c;
        } else if (c < 0x20 || c >= 0x7f) {
            at += (size_t)snprintf(out + at, size - at, "\\u%04x", c);
        } else {
            out[at++] = (char)c;
        }
    }
    out[at++] = '"';
    out[at] = '\0';
    return out;
}
