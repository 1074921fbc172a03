/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The ways to a broker: mqtt:// and mqtts://. Certificates, keys and names stay the caller's, as with esp-mqtt.
 */
#include <string.h>
#include "esp_transport_ssl.h"
#include "esp_transport_tcp.h"
#include "mqtt_client_private.h"

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

static void set_verification(esp_transport_handle_t ssl, const struct verification_t *verification)
{
    if (verification->use_global_ca_store) {
        esp_transport_ssl_enable_global_ca_store(ssl);
    } else if (verification->crt_bundle_attach != NULL) {
        esp_transport_ssl_crt_bundle_attach(ssl, verification->crt_bundle_attach);
    } else if (verification->certificate != NULL) {
        set_data(ssl, verification->certificate, verification->certificate_len, esp_transport_ssl_set_cert_data,
                 esp_transport_ssl_set_cert_data_der);
    } else if (verification->psk_hint_key != NULL) {
        esp_transport_ssl_set_psk_key_hint(ssl, verification->psk_hint_key);
    }
    if (verification->skip_cert_common_name_check) {
        esp_transport_ssl_skip_common_name_check(ssl);
    }
    if (verification->common_name != NULL) {
        esp_transport_ssl_set_common_name(ssl, verification->common_name);
    }
    if (verification->alpn_protos != NULL) {
        esp_transport_ssl_set_alpn_protocol(ssl, verification->alpn_protos);
    }
}

static void set_identity(esp_transport_handle_t ssl, const struct authentication_t *authentication)
{
    set_data(ssl, authentication->certificate, authentication->certificate_len, esp_transport_ssl_set_client_cert_data,
             esp_transport_ssl_set_client_cert_data_der);
    set_data(ssl, authentication->key, authentication->key_len, esp_transport_ssl_set_client_key_data,
             esp_transport_ssl_set_client_key_data_der);
    if (authentication->key_password != NULL) {
        esp_transport_ssl_set_client_key_password(ssl, authentication->key_password, authentication->key_password_len);
    }
}

static esp_err_t add(esp_mqtt_client_handle_t client, esp_transport_handle_t transport, const char *scheme, int port)
{
    if (esp_transport_list_add(client->transports, transport, scheme) != ESP_OK) {
        esp_transport_destroy(transport);
        return ESP_ERR_NO_MEM;
    }
    return esp_transport_set_default_port(transport, port);
}

esp_err_t mqtt_add_transports(esp_mqtt_client_handle_t client, const esp_mqtt_client_config_t *config)
{
    client->transports = esp_transport_list_init();
    if (client->transports == NULL) {
        return ESP_ERR_NO_MEM;
    }
    esp_err_t err = add(client, esp_transport_tcp_init(), "mqtt", MQTT_DEFAULT_PORT);
    if (err != ESP_OK) {
        return err;
    }
    esp_transport_handle_t ssl = esp_transport_ssl_init();
    set_verification(ssl, &config->broker.verification);
    set_identity(ssl, &config->credentials.authentication);
    return add(client, ssl, "mqtts", MQTT_DEFAULT_TLS_PORT);
}
