/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Tasks that serve one MJPEG stream each, so that the server's task stays free. ESP-IDF 5.2 and later.
 */
#pragma once

#include "esp_err.h"
#include "esp_http_server.h"

/** Makes the workers; they live as long as the app. Once. @return ESP_OK; ESP_ERR_NO_MEM. */
esp_err_t stream_workers_init(void);

/** Called by the handler: hands the request to a free worker, or answers 503 when all are busy. */
esp_err_t stream_worker_take(httpd_req_t *req);
