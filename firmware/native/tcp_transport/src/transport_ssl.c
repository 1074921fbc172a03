/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The transport that is a TLS session.
 */
#include <errno.h>
#include <string.h>
#include "esp_log.h"
#include "esp_transport_ssl.h"
#include "transport_connection.h"

/* From the session, which ends, to the transport, which is asked. */
static void keep_errors(esp_transport_handle_t t, esp_tls_t *tls)
{
    esp_tls_error_handle_t errors = NULL;
    if (esp_tls_get_error_handle(tls, &errors) != ESP_OK) {
        return;
    }
    int sock_errno = 0, code = 0, flags = 0;
    esp_tls_get_and_clear_error_type(errors, ESP_TLS_ERR_TYPE_SYSTEM, &sock_errno);
    esp_err_t err = esp_tls_get_and_clear_last_error(errors, &code, &flags);
    esp_tls_internal_event_tracker_capture(t->errors, ESP_TLS_ERR_TYPE_ESP, err);
    esp_tls_internal_event_tracker_capture(t->errors, ESP_TLS_ERR_TYPE_MBEDTLS, code);
    esp_tls_internal_event_tracker_capture(t->errors, ESP_TLS_ERR_TYPE_MBEDTLS_CERT_FLAGS, flags);
    t->sock_errno = sock_errno;
}

static int ssl_connect(esp_transport_handle_t t, const char *host, int port, int timeout_ms)
{
    struct transport_connection *connection = t->context;
    if (host == NULL) {
        return -1;
    }
    transport_connection_close(t);
    connection->cfg.timeout_ms = timeout_ms;
    esp_tls_t *tls = esp_tls_init();
    if (tls == NULL) {
        ESP_LOGE(TRANSPORT_TAG, "Failed to initialize new connection object");
        esp_tls_internal_event_tracker_capture(t->errors, ESP_TLS_ERR_TYPE_ESP, ESP_ERR_TCP_TRANSPORT_NO_MEM);
        return -1;
    }
    int fd = TRANSPORT_NO_SOCKET;
    if (esp_tls_conn_new_sync(host, (int)strlen(host), port, &connection->cfg, tls) <= 0 ||
        esp_tls_get_conn_sockfd(tls, &fd) != ESP_OK) {
        ESP_LOGE(TRANSPORT_TAG, "Failed to open a new connection");
        keep_errors(t, tls);
        esp_tls_conn_destroy(tls);
        return -1;
    }
    connection->tls = tls;
    connection->fd = fd;
    return 0;
}

static int ssl_read(esp_transport_handle_t t, char *buffer, int len, int timeout_ms)
{
    struct transport_connection *connection = t->context;
    int ready = transport_connection_poll_read(t, timeout_ms);
    if (ready <= 0 || connection->tls == NULL) {
        return ready == 0 ? ERR_TCP_TRANSPORT_CONNECTION_TIMEOUT : ERR_TCP_TRANSPORT_CONNECTION_FAILED;
    }
    int n = (int)esp_tls_conn_read(connection->tls, buffer, (size_t)len);
    if (n == 0) {
        esp_tls_internal_event_tracker_capture(t->errors, ESP_TLS_ERR_TYPE_ESP,
                                               ESP_ERR_TCP_TRANSPORT_CONNECTION_CLOSED_BY_FIN);
        return ERR_TCP_TRANSPORT_CONNECTION_CLOSED_BY_FIN;
    }
    if (n == ESP_TLS_ERR_SSL_WANT_READ || n == ESP_TLS_ERR_SSL_TIMEOUT) {
        return ERR_TCP_TRANSPORT_CONNECTION_TIMEOUT; /* a record has begun, and its rest did not come */
    }
    if (n < 0) {
        ESP_LOGE(TRANSPORT_TAG, "esp_tls_conn_read error, errno=%s", strerror(errno));
        keep_errors(t, connection->tls);
    }
    return n;
}

static int ssl_write(esp_transport_handle_t t, const char *buffer, int len, int timeout_ms)
{
    struct transport_connection *connection = t->context;
    int ready = transport_connection_poll_write(t, timeout_ms);
    if (ready <= 0 || connection->tls == NULL) {
        ESP_LOGW(TRANSPORT_TAG, "Poll timeout or error, fd=%d, timeout_ms=%d", connection->fd, timeout_ms);
        return ready == 0 ? 0 : -1;
    }
    int n = (int)esp_tls_conn_write(connection->tls, buffer, (size_t)len);
    if (n < 0) {
        ESP_LOGE(TRANSPORT_TAG, "esp_tls_conn_write error, errno=%s", strerror(errno));
        keep_errors(t, connection->tls);
    }
    return n;
}

esp_transport_handle_t esp_transport_ssl_init(void)
{
    return transport_connection_init(ssl_connect, ssl_read, ssl_write);
}

/* ---- Settings --------------------------------------------------------------------------------------------------- */

static esp_tls_cfg_t *cfg_of(esp_transport_handle_t t)
{
    static esp_tls_cfg_t nobody; /* settings of no transport go nowhere */
    return t != NULL && t->context != NULL ? &((struct transport_connection *)t->context)->cfg : &nobody;
}

void esp_transport_ssl_set_cert_data_der(esp_transport_handle_t t, const char *data, int len)
{
    cfg_of(t)->cacert_buf = (const unsigned char *)data;
    cfg_of(t)->cacert_bytes = (unsigned)len;
}

void esp_transport_ssl_set_cert_data(esp_transport_handle_t t, const char *data, int len)
{
    esp_transport_ssl_set_cert_data_der(t, data, len + 1);
}

void esp_transport_ssl_crt_bundle_attach(esp_transport_handle_t t, esp_err_t (*crt_bundle_attach)(void *conf))
{
    cfg_of(t)->crt_bundle_attach = crt_bundle_attach;
}

void esp_transport_ssl_enable_global_ca_store(esp_transport_handle_t t)
{
    cfg_of(t)->use_global_ca_store = true;
}

void esp_transport_ssl_skip_common_name_check(esp_transport_handle_t t)
{
    cfg_of(t)->skip_common_name = true;
}

void esp_transport_ssl_set_common_name(esp_transport_handle_t t, const char *common_name)
{
    cfg_of(t)->common_name = common_name;
}

void esp_transport_ssl_set_client_cert_data_der(esp_transport_handle_t t, const char *data, int len)
{
    cfg_of(t)->clientcert_buf = (const unsigned char *)data;
    cfg_of(t)->clientcert_bytes = (unsigned)len;
}

void esp_transport_ssl_set_client_cert_data(esp_transport_handle_t t, const char *data, int len)
{
    esp_transport_ssl_set_client_cert_data_der(t, data, len + 1);
}

void esp_transport_ssl_set_client_key_data_der(esp_transport_handle_t t, const char *data, int len)
{
    cfg_of(t)->clientkey_buf = (const unsigned char *)data;
    cfg_of(t)->clientkey_bytes = (unsigned)len;
}

void esp_transport_ssl_set_client_key_data(esp_transport_handle_t t, const char *data, int len)
{
    esp_transport_ssl_set_client_key_data_der(t, data, len + 1);
}

void esp_transport_ssl_set_client_key_password(esp_transport_handle_t t, const char *password, int password_len)
{
    cfg_of(t)->clientkey_password = (const unsigned char *)password;
    cfg_of(t)->clientkey_password_len = (unsigned)password_len;
}

void esp_transport_ssl_set_tls_version(esp_transport_handle_t t, esp_tls_proto_ver_t tls_version)
{
    cfg_of(t)->tls_version = tls_version;
}

void esp_transport_ssl_set_alpn_protocol(esp_transport_handle_t t, const char **alpn_protos)
{
    cfg_of(t)->alpn_protos = alpn_protos;
}

void esp_transport_ssl_set_psk_key_hint(esp_transport_handle_t t, const psk_hint_key_t *psk_hint_key)
{
    cfg_of(t)->psk_hint_key = psk_hint_key;
}

void esp_transport_ssl_set_addr_family(esp_transport_handle_t t, esp_tls_addr_family_t addr_family)
{
    cfg_of(t)->addr_family = addr_family;
}

void esp_transport_ssl_set_keep_alive(esp_transport_handle_t t, esp_transport_keep_alive_t *keep_alive_cfg)
{
    transport_connection_set_keep_alive(t, keep_alive_cfg);
}
