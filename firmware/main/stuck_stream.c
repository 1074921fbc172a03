/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The handler that a stop cannot end by any public call: it asks nobody whether to stop, and goes on when its socket is
 * shut down. It holds the server's task for ever. The bench shows with it that the board updates itself all the same.
 */
#include "stuck_stream.h"

#if CONFIG_HIL_STOP_STRATEGIES

#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

#include "events.h"

#define INTERVAL_MS 100

static void __attribute__((noreturn)) send_for_ever(httpd_req_t *req)
{
    for (;;) {
        httpd_resp_sendstr_chunk(req, "still here\n");
        vTaskDelay(pdMS_TO_TICKS(INTERVAL_MS));
    }
}

static esp_err_t stuck_handler(httpd_req_t *req)
{
    event("stream_open", "\"fd\":%d,\"kind\":\"stuck\"", httpd_req_to_sockfd(req));
    send_for_ever(req);
}

esp_err_t stuck_stream_register(httpd_graceful_stop_handle_t server)
{
    static const httpd_uri_t STUCK_URI = {.uri = "/stuck", .method = HTTP_GET, .handler = stuck_handler};
    return httpd_graceful_stop_register_uri_handler(server, &STUCK_URI);
}

#endif
