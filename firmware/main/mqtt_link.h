/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The board's wire to its broker: presence (`hil/<device>/state`), triggers in, status out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "esp_err.h"

/** Called in the MQTT task with a whole message, or with NULL and its length when that is longer than allowed. */
typedef void (*mqtt_link_trigger_fn)(const char *message, size_t len);

/** Connects, and again by itself whenever the connection is lost. Once. */
esp_err_t mqtt_link_start(mqtt_link_trigger_fn on_trigger);

/** Waits until the trigger topic is subscribed. @return false when it is not after @p timeout_ms. Any task. */
bool mqtt_link_wait_up(uint32_t timeout_ms);

/**
 * Publishes a step of an update on `hil/<device>/ota/status`, QoS 1.
 * @param fmt printf format of further JSON fields, with commas between; "" for none. Any task.
 */
void mqtt_link_status(const char *step, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** True while so many messages wait for the broker that one more had better not be published. Any task. */
bool mqtt_link_is_backed_up(void);

/** Says `offline` and waits until the broker has all that was published. Before a restart. */
void mqtt_link_say_goodbye(uint32_t timeout_ms);
