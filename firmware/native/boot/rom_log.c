/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The texts that console readers know a boot by. Lines end in CR LF, as on a chip.
 */
#include "rom_log.h"

#include <stdio.h>
#include <string.h>

#include "board_clock.h"

static const struct {
    const char *name;
    unsigned rom_code; /* ESP32's; a panic and esp_restart() both give SW_CPU: the ROM cannot tell them apart */
    const char *rom_name;
} RESETS[] = {
    [BOARD_RESET_UNKNOWN] = {"UNKNOWN", 0x10, "RTCWDT_RTC"},
    [BOARD_RESET_POWERON] = {"POWERON", 0x1, "POWERON"},
    [BOARD_RESET_EXT] = {"EXT", 0x1, "POWERON"},
    [BOARD_RESET_SW] = {"SW", 0xc, "SW_CPU"},
    [BOARD_RESET_PANIC] = {"PANIC", 0xc, "SW_CPU"},
    [BOARD_RESET_INT_WDT] = {"INT_WDT", 0xc, "SW_CPU"},
    [BOARD_RESET_TASK_WDT] = {"TASK_WDT", 0xc, "SW_CPU"},
    [BOARD_RESET_WDT] = {"WDT", 0x10, "RTCWDT_RTC"},
    [BOARD_RESET_DEEPSLEEP] = {"DEEPSLEEP", 0x5, "DEEPSLEEP"},
    [BOARD_RESET_BROWNOUT] = {"BROWNOUT", 0xf, "BROWN_OUT"},
};

static unsigned known(enum board_reset reason)
{
    return (unsigned)reason < sizeof(RESETS) / sizeof(RESETS[0]) ? (unsigned)reason : BOARD_RESET_UNKNOWN;
}

const char *reset_name(enum board_reset reason)
{
    return RESETS[known(reason)].name;
}

void rom_log_reset(struct serial *serial, enum board_reset reason)
{
    char text[160];
    int len = snprintf(text, sizeof(text), "native board boot ROM\r\nrst:0x%x (%s),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n",
                       RESETS[known(reason)].rom_code, RESETS[known(reason)].rom_name);
    serial_write(serial, text, (size_t)len);
}

static void write_line(struct serial *serial, char level, int64_t started_ms, const char *tagged)
{
    char text[192];
    const char *colon = strchr(tagged, ':');
    int tag_len = colon ? (int)(colon - tagged) : 0;
    /* The time stands between level and tag: "I (31) boot: text". */
    int len = snprintf(text, sizeof(text), "%c (%lld) %.*s%s\r\n", level, (long long)(clock_now_ms() - started_ms),
                       tag_len, tagged, tagged + tag_len);
    serial_write(serial, text, len < (int)sizeof(text) ? (size_t)len : sizeof(text) - 1);
}

void rom_log_line(struct serial *serial, char level, int64_t started_ms, const char *text)
{
    char tagged[160];
    snprintf(tagged, sizeof(tagged), "boot: %s", text);
    write_line(serial, level, started_ms, tagged);
}

void rom_log_choice(struct serial *serial, const struct boot_choice *choice, int64_t started_ms)
{
    rom_log_line(serial, 'I', started_ms, "ESP-IDF v5.4.2 2nd stage bootloader");
    for (int i = 0; i < choice->log_lines; i++) {
        const char *line = choice->log[i]; /* "I boot: text" */
        write_line(serial, line[0], started_ms, line[0] != '\0' && line[1] == ' ' ? line + 2 : line);
    }
}
