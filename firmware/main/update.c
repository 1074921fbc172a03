/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The update: stop both servers, download, verify, set the slot to boot, restart. It runs in the main task, whose stack
 * is there from the start, so that it needs no memory before the servers have given theirs back. One update at a time.
 *
 * A server that cannot be stopped (a handler that nobody can end) does not keep the board from its update: the trigger
 * is noted, and the restart is followed by the update alone, before any server (update-only mode). When that fails too
 * the board goes on to serve in the same life: what held the server is gone, and nothing else is known to be wrong.
 */
#include "update.h"

#include <inttypes.h>
#include <stdatomic.h>

#include "esp_log.h"
#include "esp_ota_ops.h"
#include "esp_system.h"
#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"

#include "download.h"
#include "events.h"
#include "idf_compat.h"
#include "image_check.h"
#include "mqtt_link.h"
#include "self_test.h"
#include "servers.h"
#include "settings.h"
#include "stop_strategies.h"
#include "trigger.h"
#include "trigger_counter.h"
#include "update_attempt.h"
#include "update_note.h"

#define GOODBYE_MS 1000

static const char TAG[] = "update";
static QueueHandle_t s_queue;
static atomic_bool s_busy;
static atomic_uint s_accepted;
static atomic_uint s_refused;
static const char *_Atomic s_last_failure;
static trigger_t s_trigger; /* the one that is carried out; too large for a stack; the main task's alone */

static void restart(const char *why)
{
    event("restart", "\"why\":\"%s\"", why);
    mqtt_link_say_goodbye(GOODBYE_MS);
    esp_restart();
}

static esp_err_t stop_servers(const trigger_t *trigger)
{
#if CONFIG_HIL_STOP_STRATEGIES
    if (trigger->stop != STOP_GRACEFUL) {
        return stop_strategies_stop(trigger);
    }
#endif
    (void)trigger;
    return servers_stop();
}

/* Everything up to the restart. @return only on failure, with *reason. */
static esp_err_t install(const trigger_t *trigger, const char **reason)
{
    const esp_partition_t *slot = esp_ota_get_next_update_partition(NULL);
    if (slot == NULL) {
        *reason = "slot";
        return ESP_ERR_NOT_FOUND;
    }
    mqtt_link_status("download", "\"version\":\"%s\"", trigger->version);
    event("ota_begin", "\"version\":\"%s\",\"slot\":\"%s\",\"size\":%" PRIu32, trigger->version, slot->label,
          trigger->size);
    esp_err_t err = download_image(trigger, slot, reason);
    if (err == ESP_OK) {
        mqtt_link_status("verify", "\"version\":\"%s\"", trigger->version);
        *reason = image_check(slot, trigger);
        err = *reason == NULL ? ESP_OK : ESP_ERR_OTA_VALIDATE_FAILED;
    }
    if (err == ESP_OK) {
        update_attempt_store(trigger->version); /* without it the update is the same, and only its end is not told */
        err = esp_ota_set_boot_partition(slot);
        *reason = "image";
    }
    if (err != ESP_OK) {
        event("ota_end", "\"err\":\"%s\",\"reason\":\"%s\"", esp_err_to_name(err), *reason);
        return err;
    }
    event("ota_end", "\"err\":\"%s\"", esp_err_to_name(err));
    mqtt_link_status("restart", "\"version\":\"%s\"", trigger->version);
    restart("update");
    return ESP_OK;
}

/* A board whose servers cannot be brought back serves nobody: starting anew is the way out that is left. */
static void serve_again(void)
{
    const esp_err_t err = servers_start();
    if (err != ESP_OK) {
        restart("servers");
    }
    servers_announce_ready(true);
}

static void tell_failed(const trigger_t *trigger, const char *reason, esp_err_t err)
{
    atomic_store(&s_last_failure, reason);
    ESP_LOGE(TAG, "failed: %s (%s)", reason, esp_err_to_name(err));
    mqtt_link_status("failed", "\"reason\":\"%s\",\"err\":\"%s\",\"version\":\"%s\"", reason, esp_err_to_name(err),
                     trigger->version);
}

/* @return only when the note could not be written. */
static void restart_update_only(const trigger_t *trigger)
{
    const esp_err_t err = update_note_store(trigger, esp_app_get_description()->version);
    if (err != ESP_OK) {
        ESP_LOGE(TAG, "the note for update-only mode: %s", esp_err_to_name(err));
        return;
    }
    mqtt_link_status("restart", "\"version\":\"%s\",\"why\":\"update_only\"", trigger->version);
    restart("update_only");
}

static void update(const trigger_t *trigger)
{
    const char *reason = "stop";
    mqtt_link_status("stop", "\"version\":\"%s\"", trigger->version);
    esp_err_t err = stop_servers(trigger);
    const bool stopped = err == ESP_OK;
    if (stopped) {
        err = install(trigger, &reason);
    } else if (err == ESP_ERR_TIMEOUT && trigger->stop == STOP_GRACEFUL) {
        restart_update_only(trigger);
    }
    tell_failed(trigger, reason, err);
    if (!stopped || trigger->stop != STOP_GRACEFUL) {
        restart("stop"); /* what is left of the servers is in an unknown state */
    }
    serve_again();
}

static void refuse(const char *reason)
{
    atomic_fetch_add(&s_refused, 1);
    event("trigger", "\"accepted\":false,\"reason\":\"%s\"", reason);
    if (!mqtt_link_is_backed_up()) { /* a flood of triggers, each answered, would take all of the heap */
        mqtt_link_status("refused", "\"reason\":\"%s\"", reason);
    }
}

/* @return NULL with s_busy taken and the counter in flash, or the reason. */
static const char *accept_trigger(const char *message, size_t len, trigger_t *out)
{
    trigger_context_t context = {
        .device_id = settings()->device_id,
        .running_version = esp_app_get_description()->version,
        .key = &settings()->trigger_key,
        .has_ca = settings()->ca != NULL,
        .slot_bytes = esp_ota_get_running_partition()->size,
    };
    if (message == NULL) {
        return "too_large";
    }
    if (trigger_counter_load(&context.last_counter) != ESP_OK) {
        return "storage";
    }
    const char *reason = trigger_check(message, len, &context, out);
    if (reason != NULL) {
        return reason;
    }
    if (self_test_is_pending()) {
        return "self_test"; /* there would be nothing to go back to */
    }
    if (atomic_exchange(&s_busy, true)) {
        return "busy";
    }
    if (trigger_counter_store(out->counter) != ESP_OK) {
        atomic_store(&s_busy, false);
        return "storage";
    }
    return NULL;
}

void update_on_trigger(const char *message, size_t len)
{
    static trigger_t trigger; /* too large for the MQTT task's stack, and used in that task alone */
    const char *reason = accept_trigger(message, len, &trigger);
    if (reason != NULL) {
        refuse(reason);
        return;
    }
    atomic_fetch_add(&s_accepted, 1);
    event("trigger", "\"accepted\":true,\"version\":\"%s\",\"counter\":%" PRIu64 ",\"stop\":\"%s\"", trigger.version,
          trigger.counter, stop_strategy_name(trigger.stop));
    mqtt_link_status("accepted", "\"version\":\"%s\",\"counter\":%" PRIu64, trigger.version, trigger.counter);
    xQueueSend(s_queue, &trigger, 0); /* has room: s_busy lets one in */
}

esp_err_t update_init(void)
{
    s_queue = xQueueCreate(1, sizeof(trigger_t));
    return s_queue != NULL ? ESP_OK : ESP_ERR_NO_MEM;
}

bool update_only_is_noted(void)
{
    const bool noted = update_note_take(esp_app_get_description()->version, &s_trigger);
    atomic_store(&s_busy, noted); /* triggers may come in as soon as the broker is there */
    return noted;
}

void update_only_run(void)
{
    const char *reason;
    event("update_only", "\"version\":\"%s\",\"counter\":%" PRIu64, s_trigger.version, s_trigger.counter);
    const esp_err_t err = install(&s_trigger, &reason);
    tell_failed(&s_trigger, reason, err);
    atomic_store(&s_busy, false);
}

void update_counts(update_counts_t *out)
{
    out->accepted = atomic_load(&s_accepted);
    out->refused = atomic_load(&s_refused);
}

bool update_is_busy(void)
{
    return atomic_load(&s_busy);
}

const char *update_last_failure(void)
{
    return atomic_load(&s_last_failure);
}

void update_run(void)
{
    const char *rolled_back = update_attempt_report();
    if (rolled_back != NULL) {
        atomic_store(&s_last_failure, rolled_back);
    }
    for (;;) {
        xQueueReceive(s_queue, &s_trigger, portMAX_DELAY);
        update(&s_trigger);
        atomic_store(&s_busy, false);
    }
}
