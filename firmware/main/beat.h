/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A sign of life each second: a board that hangs in one task is told apart from one that is dead.
 */
#pragma once

#include "esp_err.h"

/** Starts it. Once. */
esp_err_t beat_start(void);
