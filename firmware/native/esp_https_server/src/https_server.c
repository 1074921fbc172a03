/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Start and stop: a plain server whose open_fn is TLS's, with certificates and key in its transport context.
 */
#include <stdlib.h>
#include <string.h>
#include "esp_log.h"
#include "https_private.h"

static void server_free(void *ctx)
{
    struct https_server *server = ctx;
    free((void *)server->tls_cfg.cacert_buf);
    free((void *)server->tls_cfg.servercert_buf);
    free((void *)server->tls_cfg.serverkey_buf);
    free(server);
}

/* Called by the server below, in its task, after its last session. */
static void server_release(void *ctx)
{
    ESP_LOGI(HTTPS_TAG, "Server shuts down, releasing SSL context");
    server_free(ctx);
}

static esp_err_t copy(const unsigned char **to, unsigned int *to_size, const uint8_t *data, size_t size,
                      const char *what)
{
    unsigned char *bytes = malloc(size);
    if (bytes == NULL) {
        ESP_LOGE(HTTPS_TAG, "Could not allocate memory for %s", what);
        return ESP_ERR_NO_MEM;
    }
    memcpy(bytes, data, size);
    *to = bytes;
    *to_size = (unsigned)size;
    return ESP_OK;
}

static esp_err_t configure(struct https_server *server, const httpd_ssl_config_t *config)
{
    esp_tls_cfg_server_t *cfg = &server->tls_cfg;
    if (config->session_tickets) {
        esp_err_t err = esp_tls_cfg_server_session_tickets_init(cfg);
        ESP_LOGE(HTTPS_TAG, "Failed to init session ticket support. error: %s", esp_err_to_name(err));
        return err;
    }
    if (config->servercert == NULL || config->servercert_len == 0) {
        ESP_LOGE(HTTPS_TAG, "No Server certificate supplied");
        return ESP_ERR_INVALID_ARG;
    }
    if (config->use_ecdsa_peripheral && !config->use_secure_element) {
        ESP_LOGE(HTTPS_TAG, "Please enable the support for signing using ECDSA peripheral in menuconfig.");
        return ESP_ERR_NOT_SUPPORTED;
    }
    if (!config->use_secure_element && (config->prvtkey_pem == NULL || config->prvtkey_len == 0)) {
        ESP_LOGE(HTTPS_TAG, "No Server key supplied");
        return ESP_ERR_INVALID_ARG;
    }
    cfg->use_secure_element = config->use_secure_element;
    cfg->userdata = config->ssl_userdata;
    cfg->alpn_protos = config->alpn_protos;
    server->user_cb = config->user_cb;
    server->open_fn = config->httpd.open_fn;

    esp_err_t err = copy(&cfg->servercert_buf, &cfg->servercert_bytes, config->servercert, config->servercert_len,
                         "server certificate");
    if (err == ESP_OK && !config->use_secure_element) {
        err = copy(&cfg->serverkey_buf, &cfg->serverkey_bytes, config->prvtkey_pem, config->prvtkey_len, "server key");
    }
    if (err == ESP_OK && config->cacert_pem != NULL && config->cacert_len > 0) {
        err = copy(&cfg->cacert_buf, &cfg->cacert_bytes, config->cacert_pem, config->cacert_len,
                   "client certificate authority");
    }
    return err;
}

static esp_err_t make_secure(httpd_ssl_config_t *config, struct https_server **out)
{
    struct https_server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        return ESP_ERR_NO_MEM;
    }
    esp_err_t err = configure(server, config);
    if (err != ESP_OK) {
        server_free(server);
        return err;
    }
    config->httpd.global_transport_ctx = server;
    config->httpd.global_transport_ctx_free_fn = server_release;
    config->httpd.open_fn = https_session_open;
    config->httpd.server_port = config->port_secure;
    *out = server;
    return ESP_OK;
}

esp_err_t httpd_ssl_start(httpd_handle_t *handle, httpd_ssl_config_t *config)
{
    if (handle == NULL || config == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    ESP_LOGI(HTTPS_TAG, "Starting server");
    struct https_server *server = NULL;
    if (config->transport_mode == HTTPD_SSL_TRANSPORT_SECURE) {
        esp_err_t err = make_secure(config, &server);
        if (err != ESP_OK) {
            return err;
        }
    } else {
        config->httpd.server_port = config->port_insecure;
    }
    httpd_handle_t started = NULL;
    esp_err_t err = httpd_start(&started, &config->httpd);
    if (err != ESP_OK) {
        if (server != NULL) {
            server_release(server);
        }
        return err;
    }
    *handle = started;
    ESP_LOGI(HTTPS_TAG, "Server listening on port %d", config->httpd.server_port);
    https_post_event(HTTPS_SERVER_EVENT_START, NULL, 0);
    return ESP_OK;
}

esp_err_t httpd_ssl_stop(httpd_handle_t handle)
{
    esp_err_t err = httpd_stop(handle);
    if (err == ESP_OK) {
        https_post_event(HTTPS_SERVER_EVENT_STOP, NULL, 0);
    }
    return err;
}
