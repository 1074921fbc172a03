/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The server that answers at once: index page, status, one picture.
 */
#pragma once

#include "esp_err.h"
#include "httpd_graceful_stop.h"

/** Makes the server's stop object. Once. */
esp_err_t control_server_init(void);

/** Starts the server on the provisioned port. */
esp_err_t control_server_start(void);

/** Its stop object. */
httpd_graceful_stop_handle_t control_server(void);
