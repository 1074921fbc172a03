/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * From ESP-IDF's settings to mbedTLS's: certificates, keys, versions, what to verify.
 */
#include <stdlib.h>
#include <string.h>
#include "esp_log.h"
#include "tls_private.h"

static mbedtls_x509_crt *global_ca;

esp_err_t esp_tls_init_global_ca_store(void)
{
    if (global_ca == NULL) {
        global_ca = malloc(sizeof(*global_ca));
        if (global_ca == NULL) {
            return ESP_ERR_NO_MEM;
        }
        mbedtls_x509_crt_init(global_ca);
    }
    return ESP_OK;
}

esp_err_t esp_tls_set_global_ca_store(const unsigned char *cacert_pem_buf, const unsigned int cacert_pem_bytes)
{
    if (cacert_pem_buf == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = esp_tls_init_global_ca_store();
    if (err != ESP_OK) {
        return err;
    }
    int ret = mbedtls_x509_crt_parse(global_ca, cacert_pem_buf, cacert_pem_bytes);
    if (ret < 0) {
        ESP_LOGE(TLS_MBEDTLS_TAG, "mbedtls_x509_crt_parse of global CA cert returned -0x%04X", (unsigned)-ret);
        esp_tls_free_global_ca_store();
        return ESP_FAIL;
    }
    if (ret > 0) {
        ESP_LOGE(TLS_MBEDTLS_TAG, "mbedtls_x509_crt_parse was partly successful. No. of failed certificates: %d", ret);
        return ESP_ERR_MBEDTLS_CERT_PARTLY_OK;
    }
    return ESP_OK;
}

mbedtls_x509_crt *esp_tls_get_global_ca_store(void)
{
    return global_ca;
}

void esp_tls_free_global_ca_store(void)
{
    if (global_ca != NULL) {
        mbedtls_x509_crt_free(global_ca);
        free(global_ca);
        global_ca = NULL;
    }
}

const int *esp_tls_get_ciphersuites_list(void)
{
    return mbedtls_ssl_list_ciphersuites();
}

static esp_err_t set_defaults(esp_tls_t *tls, int endpoint)
{
    int ret =
        mbedtls_ssl_config_defaults(&tls->conf, endpoint, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
    if (ret != 0) {
        tls_errors_mbedtls(tls, "mbedtls_ssl_config_defaults", ret);
        return ESP_ERR_MBEDTLS_SSL_CONFIG_DEFAULTS_FAILED;
    }
    /* ESP-IDF's mbedTLS knows nothing older. */
    mbedtls_ssl_conf_min_version(&tls->conf, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
    return ESP_OK;
}

static void require_ca(esp_tls_t *tls, mbedtls_x509_crt *ca)
{
    mbedtls_ssl_conf_authmode(&tls->conf, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_ca_chain(&tls->conf, ca, NULL);
}

static esp_err_t set_ca(esp_tls_t *tls, const unsigned char *cert, size_t size)
{
    int ret = mbedtls_x509_crt_parse(&tls->ca, cert, size);
    if (ret < 0) {
        tls_errors_mbedtls(tls, "mbedtls_x509_crt_parse of CA cert", ret);
        return ESP_ERR_MBEDTLS_X509_CRT_PARSE_FAILED;
    }
    if (ret > 0) {
        ESP_LOGW(TLS_MBEDTLS_TAG, "mbedtls_x509_crt_parse was partly successful. No. of failed certificates: %d", ret);
    }
    require_ca(tls, &tls->ca);
    return ESP_OK;
}

struct own_identity {
    const unsigned char *cert, *key, *password;
    size_t cert_size, key_size, password_len;
};

static esp_err_t set_own(esp_tls_t *tls, const struct own_identity *own)
{
    int ret = mbedtls_x509_crt_parse(&tls->own_cert, own->cert, own->cert_size);
    if (ret < 0) {
        tls_errors_mbedtls(tls, "mbedtls_x509_crt_parse of public cert", ret);
        return ESP_ERR_MBEDTLS_X509_CRT_PARSE_FAILED;
    }
    ret = mbedtls_pk_parse_key(&tls->own_key, own->key, own->key_size, own->password, own->password_len);
    if (ret < 0) {
        tls_errors_mbedtls(tls, "mbedtls_pk_parse_keyfile", ret);
        return ESP_ERR_MBEDTLS_PK_PARSE_KEY_FAILED;
    }
    ret = mbedtls_ssl_conf_own_cert(&tls->conf, &tls->own_cert, &tls->own_key);
    if (ret < 0) {
        tls_errors_mbedtls(tls, "mbedtls_ssl_conf_own_cert", ret);
        return ESP_ERR_MBEDTLS_SSL_CONF_OWN_CERT_FAILED;
    }
    return ESP_OK;
}

static esp_err_t set_alpn(esp_tls_t *tls, const char **protocols)
{
    int ret = protocols != NULL ? mbedtls_ssl_conf_alpn_protocols(&tls->conf, protocols) : 0;
    if (ret != 0) {
        tls_errors_mbedtls(tls, "mbedtls_ssl_conf_alpn_protocols", ret);
        return ESP_ERR_MBEDTLS_SSL_CONF_ALPN_PROTOCOLS_FAILED;
    }
    return ESP_OK;
}

/* The answers of an ESP-IDF that is configured without these. */
static esp_err_t refuse_hardware(bool secure_element, bool signature_peripheral)
{
    if (secure_element) {
        ESP_LOGE(TLS_MBEDTLS_TAG, "Please enable secure element support for ESP-TLS in menuconfig");
        return ESP_FAIL;
    }
    if (signature_peripheral) {
        ESP_LOGE(TLS_MBEDTLS_TAG, "the native board has no signature peripheral");
        return ESP_FAIL;
    }
    return ESP_OK;
}

static esp_err_t set_version(const esp_tls_cfg_t *cfg)
{
    switch (cfg->tls_version) {
    case ESP_TLS_VER_ANY:
    case ESP_TLS_VER_TLS_1_2:
        return ESP_OK;
    case ESP_TLS_VER_TLS_1_3:
        ESP_LOGW(TLS_MBEDTLS_TAG, "TLS 1.3 is not enabled in config, continuing with default TLS protocol");
        return ESP_OK;
    default:
        ESP_LOGE(TLS_MBEDTLS_TAG, "Unsupported protocol version");
        return ESP_ERR_INVALID_ARG;
    }
}

/* Without a way to verify the server no connection is made, as with ESP-IDF's default configuration. */
static esp_err_t set_verification(esp_tls_t *tls, const esp_tls_cfg_t *cfg)
{
    if (cfg->crt_bundle_attach != NULL) {
        ESP_LOGE(TLS_MBEDTLS_TAG, "use_crt_bundle configured but not enabled in menuconfig: the native board has no "
                                  "certificate bundle, give cacert_buf");
        return ESP_ERR_INVALID_STATE;
    }
    if (cfg->use_global_ca_store) {
        if (global_ca == NULL) {
            ESP_LOGE(TLS_MBEDTLS_TAG, "global_cacert is NULL");
            return ESP_ERR_INVALID_STATE;
        }
        require_ca(tls, global_ca);
        return ESP_OK;
    }
    if (cfg->cacert_buf != NULL) {
        return set_ca(tls, cfg->cacert_buf, cfg->cacert_bytes);
    }
    if (cfg->psk_hint_key != NULL) {
        ESP_LOGE(TLS_MBEDTLS_TAG, "psk_hint_key configured but not enabled in menuconfig: the native board has no PSK");
        return ESP_ERR_INVALID_STATE;
    }
    ESP_LOGE(TLS_MBEDTLS_TAG,
             "No server verification option set in esp_tls_cfg_t structure. Check esp_tls API reference");
    return ESP_ERR_MBEDTLS_SSL_SETUP_FAILED;
}

static esp_err_t set_client_identity(esp_tls_t *tls, const esp_tls_cfg_t *cfg)
{
    if (cfg->clientcert_buf == NULL && cfg->clientkey_buf == NULL) {
        return ESP_OK;
    }
    if (cfg->clientcert_buf == NULL || cfg->clientkey_buf == NULL) {
        ESP_LOGE(TLS_MBEDTLS_TAG,
                 "You have to provide both clientcert_buf and clientkey_buf for mutual authentication");
        return ESP_ERR_INVALID_STATE;
    }
    const struct own_identity own = {
        .cert = cfg->clientcert_buf,
        .cert_size = cfg->clientcert_bytes,
        .key = cfg->clientkey_buf,
        .key_size = cfg->clientkey_bytes,
        .password = cfg->clientkey_password,
        .password_len = cfg->clientkey_password_len,
    };
    return set_own(tls, &own);
}

esp_err_t tls_configure_client(esp_tls_t *tls, const void *client_config)
{
    const struct tls_client_config *config = client_config;
    const esp_tls_cfg_t *cfg = config->cfg;
    esp_err_t err = set_defaults(tls, MBEDTLS_SSL_IS_CLIENT);
    if (err == ESP_OK && !cfg->skip_common_name) {
        const char *name = cfg->common_name != NULL ? cfg->common_name : config->hostname;
        err = tls_verify_expect(tls, name, cfg->common_name != NULL ? strlen(name) : config->hostlen);
    }
    if (err == ESP_OK) {
        mbedtls_ssl_conf_renegotiation(&tls->conf, MBEDTLS_SSL_RENEGOTIATION_ENABLED);
        err = set_alpn(tls, cfg->alpn_protos);
    }
    if (err == ESP_OK) {
        err = set_verification(tls, cfg);
    }
    if (err == ESP_OK) {
        err = refuse_hardware(cfg->use_secure_element, cfg->ds_data != NULL || cfg->use_ecdsa_peripheral);
    }
    if (err == ESP_OK) {
        err = set_client_identity(tls, cfg);
    }
    if (err == ESP_OK && cfg->ciphersuites_list != NULL && cfg->ciphersuites_list[0] != 0) {
        mbedtls_ssl_conf_ciphersuites(&tls->conf, cfg->ciphersuites_list);
    }
    if (err == ESP_OK) {
        err = set_version(cfg);
    }
    if (err != ESP_OK) {
        ESP_LOGE(TLS_MBEDTLS_TAG, "Failed to set client configurations, returned [0x%04X] (%s)", (unsigned)err,
                 esp_err_to_name(err));
    }
    return err;
}

esp_err_t tls_configure_server(esp_tls_t *tls, const void *server_cfg)
{
    const esp_tls_cfg_server_t *cfg = server_cfg;
    esp_err_t err = set_defaults(tls, MBEDTLS_SSL_IS_SERVER);
    if (err == ESP_OK) {
        err = set_alpn(tls, cfg->alpn_protos);
    }
    if (err == ESP_OK && cfg->cacert_buf != NULL) {
        err = set_ca(tls, cfg->cacert_buf, cfg->cacert_bytes);
    } else if (err == ESP_OK) {
        mbedtls_ssl_conf_authmode(&tls->conf, MBEDTLS_SSL_VERIFY_NONE);
    }
    if (err == ESP_OK) {
        err = refuse_hardware(cfg->use_secure_element, cfg->use_ecdsa_peripheral);
    }
    if (err == ESP_OK && (cfg->servercert_buf == NULL || cfg->serverkey_buf == NULL)) {
        ESP_LOGE(TLS_MBEDTLS_TAG, "Missing server certificate and/or key");
        err = ESP_ERR_INVALID_STATE;
    }
    if (err == ESP_OK) {
        const struct own_identity own = {
            .cert = cfg->servercert_buf,
            .cert_size = cfg->servercert_bytes,
            .key = cfg->serverkey_buf,
            .key_size = cfg->serverkey_bytes,
            .password = cfg->serverkey_password,
            .password_len = cfg->serverkey_password_len,
        };
        err = set_own(tls, &own);
    }
    if (err != ESP_OK) {
        ESP_LOGE(TLS_MBEDTLS_TAG, "Failed to set server configurations, returned [0x%04X] (%s)", (unsigned)err,
                 esp_err_to_name(err));
    }
    return err;
}
