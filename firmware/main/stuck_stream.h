/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * `/stuck`, for the control image (CONFIG_HIL_STOP_STRATEGIES): a handler that nobody can end.
 */
#pragma once

#include "sdkconfig.h"

#include "esp_err.h"
#include "httpd_graceful_stop.h"

#if CONFIG_HIL_STOP_STRATEGIES

/** Registers the page. After each start of the server. */
esp_err_t stuck_stream_register(httpd_graceful_stop_handle_t server);

#else

static inline esp_err_t stuck_stream_register(httpd_graceful_stop_handle_t server)
{
    (void)server;
    return ESP_OK;
}

#endif
