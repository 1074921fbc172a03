/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "boot_process.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "boot_select.h"
#include "esp_app_desc.h"
#include "esp_app_format.h"
#include "esp_ota_ops.h"
#include "flash_port.h"

#include "contents.h"
#include "self_test.h"
#include "trigger_counter.h"
#include "wrong_order.h"

void app_main(void);

static const struct world *the_world;
static struct life *the_life;
static struct boot_choice choice;
static esp_app_desc_t description; /* of the image that runs */
static int64_t clock_us;

const struct world *boot_world(void)
{
    return the_world;
}

struct life *boot_life(void)
{
    return the_life;
}

bool boot_runs(const char *version)
{
    return version && strcmp(description.version, version) == 0;
}

int64_t boot_clock_us(void)
{
    return clock_us;
}

void boot_clock_wait(uint32_t ms)
{
    clock_us += ms * INT64_C(1000);
}

void boot_ends(enum life_end end)
{
    fflush(stdout);
    the_life->end = end;
    _exit(0);
}

void boot_process_power_is_cut(void)
{
    printf("[power cut at operation %lu]\n", the_life->ops);
    boot_ends(LIFE_CUT);
}

void boot_settles(void)
{
    the_life->confirmed = !self_test_is_pending();
    the_life->nvs_whole = contents_are_there() && trigger_counter_load(&the_life->counter) == ESP_OK;
    boot_ends(LIFE_SETTLED);
}

static bool passed_over(void)
{
    for (int i = 0; i < choice.log_lines; i++) {
        if (strstr(choice.log[i], "is not bootable")) {
            return true;
        }
    }
    return false;
}

void boot_process(const struct world *world, struct life *life)
{
    the_world = world;
    the_life = life;
    boot_select(&choice);
    for (int i = 0; i < choice.log_lines; i++) {
        if (!strstr(choice.log[i], "segment") && !strchr(choice.log[i], '#')) {
            printf("%s\n", choice.log[i]);
        }
    }
    life->misled = life->misled || passed_over();
    if (!choice.ok) {
        boot_ends(LIFE_NOTHING_BOOTS);
    }
    life->running = choice.offset;
    flash_read(choice.offset + sizeof(esp_image_header_t) + sizeof(esp_image_segment_header_t), &description,
               sizeof description);
    memcpy(life->version, description.version, sizeof life->version);
    app_main();
    boot_settles(); /* app_main() returns where nothing is provisioned */
}

/* flash_port.h and what the image says of itself, for one process without tasks. */

void flash_port_lock(enum flash_lock lock)
{
    (void)lock;
}

void flash_port_unlock(enum flash_lock lock)
{
    (void)lock;
}

void flash_port_log(void *ctx, char level, const char *tag, const char *text)
{
    (void)ctx;
    printf("%c %s: %s\n", level, tag, text);
}

uint32_t flash_port_running_offset(void)
{
    return choice.offset;
}

void flash_port_restart(void)
{
    wrong_order_before_restart();
    boot_ends(LIFE_RESTARTS);
}

const esp_app_desc_t *esp_app_get_description(void)
{
    return &description;
}
