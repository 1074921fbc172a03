/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Start of the task that runs esp_timer callbacks.
 */
#pragma once

void esp_timer_start_task(void);
