/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The two HTTP servers as one: started together, stopped together (the streams first), and what the bench is told of
 * it.
 */
#pragma once

#include <stdbool.h>

#include "esp_err.h"

/** Makes what a later stop needs. Once, with the default event loop running. */
esp_err_t servers_init(void);

/** Starts both. @return ESP_OK, or what the one that failed said; then neither runs. */
esp_err_t servers_start(void);

/**
 * Stops both within their limits. Returns when the events of the stop are out.
 * @return ESP_OK; ESP_ERR_TIMEOUT when a handler did not end: a server may then still run.
 */
esp_err_t servers_stop(void);

/** Stops the control server alone: the streaming one was stopped in another way. */
esp_err_t servers_stop_control(void);

/** Prints `ready`. @p again: after an update that failed. */
void servers_announce_ready(bool again);

/** True between a start and the next stop. Any task. */
bool servers_running(void);
