/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The transport behind https://, from the client's configuration.
 */
#include <string.h>
#include "esp_transport_ssl.h"
#include "http_client_private.h"

typedef void (*set_data_t)(esp_transport_handle_t t, const char *data, int len);

/* A length says that it is DER. */
static void set_data(esp_transport_handle_t ssl, const char *data, size_t len, set_data_t set_pem, set_data_t set_der)
{
    if (data != NULL && len == 0) {
        set_pem(ssl, data, (int)strlen(data));
    } else if (data != NULL) {
        set_der(ssl, data, (int)len);
    }
}

esp_err_t http_add_tls(esp_http_client_handle_t client, const esp_http_client_config_t *config,
                       esp_transport_keep_alive_t *keep_alive)
{
    esp_transport_handle_t ssl = esp_transport_ssl_init();
    if (esp_transport_list_add(client->transports, ssl, "https") != ESP_OK) {
        esp_transport_destroy(ssl);
        return ESP_ERR_NO_MEM;
    }
    if (config->crt_bundle_attach != NULL) {
        esp_transport_ssl_crt_bundle_attach(ssl, config->crt_bundle_attach);
    } else if (config->use_global_ca_store) {
        esp_transport_ssl_enable_global_ca_store(ssl);
    } else {
        set_data(ssl, config->cert_pem, config->cert_len, esp_transport_ssl_set_cert_data,
                 esp_transport_ssl_set_cert_data_der);
    }
    set_data(ssl, config->client_cert_pem, config->client_cert_len, esp_transport_ssl_set_client_cert_data,
             esp_transport_ssl_set_client_cert_data_der);
    set_data(ssl, config->client_key_pem, config->client_key_len, esp_transport_ssl_set_client_key_data,
             esp_transport_ssl_set_client_key_data_der);
    if (config->client_key_password != NULL) {
        esp_transport_ssl_set_client_key_password(ssl, config->client_key_password,
                                                  (int)config->client_key_password_len);
    }
    if (config->skip_cert_common_name_check) {
        esp_transport_ssl_skip_common_name_check(ssl);
    }
    if (config->common_name != NULL) {
        esp_transport_ssl_set_common_name(ssl, config->common_name);
    }
    esp_transport_ssl_set_tls_version(ssl, (esp_tls_proto_ver_t)config->tls_version);
    esp_transport_ssl_set_keep_alive(ssl, keep_alive);
    return ESP_OK;
}
