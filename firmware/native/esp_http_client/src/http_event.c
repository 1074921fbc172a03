/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Events: called into the client's handler, and posted to the default event loop.
 */
#include "esp_log.h"
#include "http_client_private.h"

#define EVENT_POST_TIMEOUT_MS 2000 /* default of CONFIG_ESP_HTTP_CLIENT_EVENT_POST_TIMEOUT */

ESP_EVENT_DEFINE_BASE(ESP_HTTP_CLIENT_EVENT);

static void post(esp_http_client_event_id_t id, const void *data, size_t size)
{
    esp_err_t err = esp_event_post(ESP_HTTP_CLIENT_EVENT, id, data, size, pdMS_TO_TICKS(EVENT_POST_TIMEOUT_MS));
    if (err != ESP_OK && err != ESP_ERR_INVALID_STATE) { /* the latter: no default event loop, so nobody listens */
        ESP_LOGE(HTTP_TAG, "Failed to post http_client event: %d, error: %s", id, esp_err_to_name(err));
    }
}

static void post_to_default_loop(esp_http_client_handle_t client, esp_http_client_event_id_t id)
{
    if (id == HTTP_EVENT_ON_DATA) {
        const esp_http_client_on_data_t data = {.client = client, .data_process = client->response.received};
        post(id, &data, sizeof(data));
    } else if (id == HTTP_EVENT_REDIRECT) {
        const esp_http_client_redirect_event_data_t data = {
            .client = client,
            .status_code = client->response.status_code,
        };
        post(id, &data, sizeof(data));
    } else {
        post(id, &client, sizeof(client));
    }
}

void http_dispatch(esp_http_client_handle_t client, esp_http_client_event_id_t id, void *data, int data_len)
{
    if (client->event_handler != NULL) {
        client->event.event_id = id;
        client->event.client = client;
        client->event.user_data = client->user_data;
        client->event.data = data;
        client->event.data_len = data_len;
        client->event_handler(&client->event);
    }
    post_to_default_loop(client, id);
}

esp_err_t http_dispatch_error(esp_http_client_handle_t client, esp_err_t err)
{
    http_dispatch(client, HTTP_EVENT_ERROR, esp_transport_get_error_handle(client->transport), 0);
    return err;
}
