/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The server's side of a handshake.
 */
#include <stdlib.h>
#include "esp_log.h"
#include "tls_private.h"

int esp_tls_server_session_create(esp_tls_cfg_server_t *cfg, int sockfd, esp_tls_t *tls)
{
    if (cfg == NULL || tls == NULL) {
        return -1;
    }
    tls->role = ESP_TLS_SERVER;
    tls->sockfd = sockfd;
    esp_err_t err = tls_session_setup(tls, tls_configure_server, cfg);
    if (err != ESP_OK) {
        ESP_LOGE(TLS_MBEDTLS_TAG, "create_ssl_handle failed, returned [0x%04X] (%s)", (unsigned)err,
                 esp_err_to_name(err));
        esp_tls_internal_event_tracker_capture(tls->error_handle, ESP_TLS_ERR_TYPE_ESP, err);
        tls->conn_state = ESP_TLS_FAIL;
        return -1;
    }
    /* The socket's receive timeout only turns this loop: up to ESP-IDF 5.4 nothing ends a handshake with a client that
     * is silent and stays. */
    int ret;
    do {
        ret = mbedtls_ssl_handshake(&tls->ssl);
    } while (ret == MBEDTLS_ERR_SSL_WANT_READ || ret == MBEDTLS_ERR_SSL_WANT_WRITE);
    if (ret != 0) {
        tls_errors_mbedtls(tls, "mbedtls_ssl_handshake", ret);
        esp_tls_internal_event_tracker_capture(tls->error_handle, ESP_TLS_ERR_TYPE_ESP,
                                               ESP_ERR_MBEDTLS_SSL_HANDSHAKE_FAILED);
        tls->conn_state = ESP_TLS_FAIL;
    }
    return ret;
}

void esp_tls_server_session_delete(esp_tls_t *tls)
{
    if (tls != NULL) {
        tls_session_free(tls);
        esp_tls_internal_event_tracker_destroy(tls->error_handle);
        free(tls);
    }
}

esp_err_t esp_tls_cfg_server_session_tickets_init(esp_tls_cfg_server_t *cfg)
{
    (void)cfg;
    return ESP_ERR_NOT_SUPPORTED;
}

void esp_tls_cfg_server_session_tickets_free(esp_tls_cfg_server_t *cfg)
{
    (void)cfg;
}
