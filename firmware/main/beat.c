/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Prints `beat` each second, with the free heap. By a timer: it needs no stack of its own and no memory later.
 */
#include "beat.h"

#include "esp_heap_caps.h"
#include "esp_timer.h"

#include "events.h"

#define PERIOD_US 1000000

static void on_second(void *arg)
{
    (void)arg;
    event("beat", "\"heap\":%u,\"heap_min\":%u", (unsigned)heap_caps_get_free_size(MALLOC_CAP_DEFAULT),
          (unsigned)heap_caps_get_minimum_free_size(MALLOC_CAP_DEFAULT));
}

esp_err_t beat_start(void)
{
    static const esp_timer_create_args_t ARGS = {.callback = on_second, .name = "beat"};
    esp_timer_handle_t timer;
    const esp_err_t err = esp_timer_create(&ARGS, &timer);
    return err != ESP_OK ? err : esp_timer_start_periodic(timer, PERIOD_US);
}
