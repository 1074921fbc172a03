/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Whether a new image may stay: it must reach its network, its broker and its own servers, or it is rolled back.
 */
#pragma once

#include <stdbool.h>

#include "esp_err.h"

/**
 * When the running image has yet to confirm itself, starts the test that does so, with a deadline. Early at boot: the
 * deadline must hold whatever the rest of the boot does.
 */
esp_err_t self_test_start(void);

/** True until the test has passed. Any task. */
bool self_test_is_pending(void);
