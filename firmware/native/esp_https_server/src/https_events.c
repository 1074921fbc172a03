/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Events. ESP-IDF waits for room in the event loop, up to the time below for each; a loop that stands still therefore
 * slows every receive and send of the server down.
 */
#include "esp_log.h"
#include "https_private.h"

#if CONFIG_ESP_HTTPS_SERVER_EVENT_POST_TIMEOUT == -1
#define EVENT_POST_TICKS portMAX_DELAY
#else
#define EVENT_POST_TICKS pdMS_TO_TICKS(CONFIG_ESP_HTTPS_SERVER_EVENT_POST_TIMEOUT)
#endif

ESP_EVENT_DEFINE_BASE(ESP_HTTPS_SERVER_EVENT);

void https_post_event(esp_https_server_event_id_t id, const void *data, size_t size)
{
    esp_err_t err = esp_event_post(ESP_HTTPS_SERVER_EVENT, id, data, size, EVENT_POST_TICKS);
    if (err != ESP_OK) {
        ESP_LOGE(HTTPS_TAG, "Failed to post esp_https_server event: %d, error: %s", (int)id, esp_err_to_name(err));
    }
}

void https_post_error(esp_tls_t *tls)
{
    esp_https_server_last_error_t last = {.last_error = ESP_ERR_NO_MEM};
    esp_tls_error_handle_t errors = NULL;
    if (tls != NULL && esp_tls_get_error_handle(tls, &errors) == ESP_OK) {
        last.last_error = esp_tls_get_and_clear_last_error(errors, &last.esp_tls_error_code, &last.esp_tls_flags);
    }
    https_post_event(HTTPS_SERVER_EVENT_ERROR, &last, sizeof(last));
}
