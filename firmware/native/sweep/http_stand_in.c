/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP client: every request is answered at once, one for the image with the image's bytes.
 */
#include <string.h>

#include "esp_http_client.h"
#include "esp_tls.h"

#include "boot_process.h"

static char client;
static size_t sent; /* bytes of the image */

esp_http_client_handle_t esp_http_client_init(const esp_http_client_config_t *config)
{
    (void)config;
    sent = 0;
    return (esp_http_client_handle_t)&client;
}

esp_err_t esp_http_client_perform(esp_http_client_handle_t handle)
{
    (void)handle;
    return ESP_OK; /* the self-test's question to the board's own server */
}

esp_err_t esp_http_client_cleanup(esp_http_client_handle_t handle)
{
    (void)handle;
    return ESP_OK;
}

esp_err_t esp_http_client_close(esp_http_client_handle_t handle)
{
    (void)handle;
    return ESP_OK;
}

esp_err_t esp_http_client_open(esp_http_client_handle_t handle, int write_len)
{
    (void)handle;
    (void)write_len;
    return ESP_OK;
}

int64_t esp_http_client_fetch_headers(esp_http_client_handle_t handle)
{
    (void)handle;
    return (int64_t)boot_world()->served->len;
}

int esp_http_client_get_status_code(esp_http_client_handle_t handle)
{
    (void)handle;
    return 200;
}

bool esp_http_client_is_chunked_response(esp_http_client_handle_t handle)
{
    (void)handle;
    return false;
}

int esp_http_client_read(esp_http_client_handle_t handle, char *buffer, int len)
{
    const struct image *image = boot_world()->served;
    size_t part = image->len - sent < (size_t)len ? image->len - sent : (size_t)len;

    (void)handle;
    memcpy(buffer, image->bytes + sent, part);
    sent += part;
    return (int)part;
}

bool esp_http_client_is_complete_data_received(esp_http_client_handle_t handle)
{
    (void)handle;
    return sent == boot_world()->served->len;
}

esp_err_t esp_http_client_set_timeout_ms(esp_http_client_handle_t handle, int timeout_ms)
{
    (void)handle;
    (void)timeout_ms;
    return ESP_OK;
}

esp_err_t esp_http_client_set_redirection(esp_http_client_handle_t handle)
{
    (void)handle;
    return ESP_FAIL;
}

esp_http_client_transport_t esp_http_client_get_transport_type(esp_http_client_handle_t handle)
{
    (void)handle;
    return HTTP_TRANSPORT_OVER_TCP;
}

esp_err_t esp_tls_get_and_clear_last_error(esp_tls_error_handle_t handle, int *code, int *flags)
{
    (void)handle;
    (void)code;
    (void)flags;
    return ESP_OK;
}
