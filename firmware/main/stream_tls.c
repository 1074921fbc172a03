/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * esp_https_server, started and stopped through the component as any kind of server is.
 */
#include "stream_tls.h"

#include "sdkconfig.h"

#if CONFIG_ESP_HTTPS_SERVER_ENABLE

#include <string.h>

#include "esp_https_server.h"

#include "idf_compat.h"
#include "settings.h"

static esp_err_t start(httpd_handle_t *out, void *config)
{
    return httpd_ssl_start(out, config);
}

static esp_err_t stop(httpd_handle_t server)
{
#if HTTPD_SSL_STOP_RETURNS_VOID
    httpd_ssl_stop(server);
    return ESP_OK;
#else
    return httpd_ssl_stop(server);
#endif
}

esp_err_t stream_tls_start(httpd_graceful_stop_handle_t gs, const httpd_config_t *config)
{
    const settings_t *s = settings();
    httpd_ssl_config_t ssl = HTTPD_SSL_CONFIG_DEFAULT();
    const size_t stack_bytes = ssl.httpd.stack_size; /* a handshake needs more than a plain server does */
    ssl.httpd = *config;
    if (ssl.httpd.stack_size < stack_bytes) {
        ssl.httpd.stack_size = stack_bytes;
    }
    ssl.port_secure = config->server_port;
    ssl.HTTPD_SSL_SERVER_CERT = (const uint8_t *)s->server_cert;
    ssl.HTTPD_SSL_SERVER_CERT_LEN = strlen(s->server_cert) + 1; /* PEM is passed with its end */
    ssl.prvtkey_pem = (const uint8_t *)s->server_key;
    ssl.prvtkey_len = strlen(s->server_key) + 1;
    const httpd_graceful_stop_server_t server = {.httpd = &ssl.httpd, .start = start, .stop = stop, .config = &ssl};
    return httpd_graceful_stop_start_with(gs, &server);
}

#else

esp_err_t stream_tls_start(httpd_graceful_stop_handle_t gs, const httpd_config_t *config)
{
    (void)gs;
    (void)config;
    return ESP_ERR_NOT_SUPPORTED;
}

#endif
