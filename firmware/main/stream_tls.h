/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The stream server over TLS (provisioned with tls_streams).
 */
#pragma once

#include "esp_err.h"
#include "httpd_graceful_stop.h"

/** Starts @p config as a TLS server, with the provisioned certificate and key, so that @p gs can stop it. */
esp_err_t stream_tls_start(httpd_graceful_stop_handle_t gs, const httpd_config_t *config);
