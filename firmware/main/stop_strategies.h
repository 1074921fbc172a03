/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The known-bad ways to stop the streaming server, for the control image (CONFIG_HIL_STOP_STRATEGIES). They show in
 * every run that the bench notices a hang and a panic. In an image without them the calls from the handlers vanish.
 */
#pragma once

#include "esp_err.h"
#include "esp_http_server.h"
#include "sdkconfig.h"

#include "trigger.h"

#if CONFIG_HIL_STOP_STRATEGIES

/** The handler enters a send; the strategies remember its task and its socket. */
void stop_strategies_send_begins(httpd_req_t *req);

/** It came out of it. */
void stop_strategies_send_ended(void);

/**
 * Stops the streaming server as @p trigger says, which is not STOP_GRACEFUL; the control server is stopped properly.
 * @return ESP_OK when the strategy came to its end; ESP_ERR_TIMEOUT when there was no stream to use it on. It need not
 * return at all.
 */
esp_err_t stop_strategies_stop(const trigger_t *trigger);

#else

static inline void stop_strategies_send_begins(httpd_req_t *req)
{
    (void)req;
}

static inline void stop_strategies_send_ended(void)
{
}

#endif
