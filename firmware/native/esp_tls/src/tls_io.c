/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Bytes through a session.
 */
#include "esp_log.h"
#include "lwip/sockets.h"
#include "tls_private.h"

static bool is_timeout(int ret)
{
    return ret == MBEDTLS_ERR_SSL_WANT_READ || ret == MBEDTLS_ERR_SSL_WANT_WRITE;
}

static ssize_t read_tls(esp_tls_t *tls, unsigned char *data, size_t len)
{
    int ret = mbedtls_ssl_read(&tls->ssl, data, len);
    if (ret == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
        return 0;
    }
    if (ret < 0 && !is_timeout(ret)) {
        esp_tls_internal_event_tracker_capture(tls->error_handle, ESP_TLS_ERR_TYPE_MBEDTLS, -ret);
        ESP_LOGE(TLS_MBEDTLS_TAG, "read error :-0x%04X", (unsigned)-ret);
    }
    return ret;
}

/* A timeout in the middle leaves a record half sent: it is counted when the caller comes again with the rest. */
static ssize_t write_tls(esp_tls_t *tls, const unsigned char *data, size_t len)
{
    size_t written = 0;
    while (written < len) {
        const size_t left = len - written;
        int ret =
            mbedtls_ssl_write(&tls->ssl, data + written, left < TLS_RECORD_MAX_BYTES ? left : TLS_RECORD_MAX_BYTES);
        if (ret > 0) {
            written += (size_t)ret;
            continue;
        }
        if (ret == 0 || is_timeout(ret)) {
            return written > 0 ? (ssize_t)written : ret;
        }
        esp_tls_internal_event_tracker_capture(tls->error_handle, ESP_TLS_ERR_TYPE_MBEDTLS, -ret);
        esp_tls_internal_event_tracker_capture(tls->error_handle, ESP_TLS_ERR_TYPE_ESP,
                                               ESP_ERR_MBEDTLS_SSL_WRITE_FAILED);
        ESP_LOGE(TLS_MBEDTLS_TAG, "write error :-0x%04X", (unsigned)-ret);
        return ret;
    }
    return (ssize_t)written;
}

ssize_t esp_tls_conn_read(esp_tls_t *tls, void *data, size_t datalen)
{
    if (tls == NULL || data == NULL) {
        return -1;
    }
    return tls->is_tls ? read_tls(tls, data, datalen) : lwip_recv(tls->sockfd, data, datalen, 0);
}

ssize_t esp_tls_conn_write(esp_tls_t *tls, const void *data, size_t datalen)
{
    if (tls == NULL || data == NULL) {
        return -1;
    }
    return tls->is_tls ? write_tls(tls, data, datalen) : lwip_send(tls->sockfd, data, datalen, 0);
}

ssize_t esp_tls_get_bytes_avail(esp_tls_t *tls)
{
    if (tls == NULL) {
        ESP_LOGE(TLS_TAG, "empty arg passed to esp_tls_get_bytes_avail()");
        return ESP_FAIL;
    }
    return (ssize_t)mbedtls_ssl_get_bytes_avail(&tls->ssl);
}
