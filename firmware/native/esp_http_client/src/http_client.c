/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A client's life and its settings.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "esp_log.h"
#include "esp_transport_ssl.h"
#include "esp_transport_tcp.h"
#include "http_client_private.h"

#define DEFAULT_TIMEOUT_MS   5000
#define DEFAULT_MAX_REDIRECT 10
#define DEFAULT_PORT         80
#define DEFAULT_USER_AGENT   "ESP32 HTTP Client/1.0"

static int or_default(int value, int fallback)
{
    return value > 0 ? value : fallback;
}

static esp_err_t refuse_unsupported(const esp_http_client_config_t *config)
{
    if (config->auth_type != HTTP_AUTH_TYPE_NONE) {
        ESP_LOGE(HTTP_TAG, "HTTP authentication is not part of the native board: leave auth_type out");
        return ESP_ERR_NOT_SUPPORTED;
    }
    if (config->addr_type == HTTP_ADDR_TYPE_INET6) {
        ESP_LOGE(HTTP_TAG, "the native board's network has no IPv6");
        return ESP_ERR_NOT_SUPPORTED;
    }
    if ((unsigned)config->method >= HTTP_METHOD_MAX) {
        return ESP_ERR_INVALID_ARG;
    }
    return ESP_OK;
}

static esp_err_t add_transports(esp_http_client_handle_t client, const esp_http_client_config_t *config)
{
    client->transports = esp_transport_list_init();
    esp_transport_handle_t tcp = esp_transport_tcp_init();
    if (client->transports == NULL || esp_transport_list_add(client->transports, tcp, "http") != ESP_OK) {
        esp_transport_destroy(tcp);
        return ESP_ERR_NO_MEM;
    }
    esp_transport_keep_alive_t keep_alive = {
        .keep_alive_enable = config->keep_alive_enable,
        .keep_alive_idle = or_default(config->keep_alive_idle, 5),
        .keep_alive_interval = or_default(config->keep_alive_interval, 5),
        .keep_alive_count = or_default(config->keep_alive_count, 3),
    };
    esp_transport_tcp_set_keep_alive(tcp, &keep_alive);
    return http_add_tls(client, config, &keep_alive);
}

static esp_err_t set_address(esp_http_client_handle_t client, const esp_http_client_config_t *config)
{
    struct http_address *address = &client->address;
    const bool ssl = config->transport_type == HTTP_TRANSPORT_OVER_SSL;
    const char *scheme = ssl ? "https" : "http";
    const char *path = config->path != NULL ? config->path : "/";
    address->port = or_default(config->port, ssl ? 443 : DEFAULT_PORT);
    esp_err_t err = http_set_string(&address->scheme, scheme, strlen(scheme));
    if (err == ESP_OK) {
        err = http_set_string(&address->path, path, strlen(path));
    }
    if (err == ESP_OK && config->query != NULL) {
        err = http_set_string(&address->query, config->query, strlen(config->query));
    }
    if (err == ESP_OK && config->host != NULL) {
        err = http_set_string(&address->host, config->host, strlen(config->host));
    }
    if (err == ESP_OK && config->host != NULL) {
        err = http_set_host_header(client);
    }
    if (err == ESP_OK && config->url != NULL) {
        err = esp_http_client_set_url(client, config->url);
    }
    if (err == ESP_OK && address->host == NULL) {
        ESP_LOGE(HTTP_TAG, "config should have either URL or host");
        err = ESP_ERR_INVALID_ARG;
    }
    return err;
}

static esp_err_t configure(esp_http_client_handle_t client, const esp_http_client_config_t *config)
{
    esp_err_t err = refuse_unsupported(config);
    if (err != ESP_OK) {
        return err;
    }
    client->method = config->method;
    client->timeout_ms = or_default(config->timeout_ms, DEFAULT_TIMEOUT_MS);
    client->is_async = config->is_async;
    client->disable_auto_redirect = config->disable_auto_redirect;
    client->max_redirection_count = or_default(config->max_redirection_count, DEFAULT_MAX_REDIRECT);
    client->event_handler = config->event_handler;
    client->user_data = config->user_data;
    client->response.keep_early = true;
    client->response.status_code = -1;
    client->response.buffer_size = or_default(config->buffer_size, DEFAULT_HTTP_BUF_SIZE);
    client->request.buffer_size = or_default(config->buffer_size_tx, DEFAULT_HTTP_BUF_SIZE);
    client->response.buffer = malloc((size_t)client->response.buffer_size);
    client->request.buffer = malloc((size_t)client->request.buffer_size);
    if (client->response.buffer == NULL || client->request.buffer == NULL) {
        return ESP_ERR_NO_MEM;
    }
    err = add_transports(client, config);
    if (err == ESP_OK) {
        const char *agent = config->user_agent != NULL ? config->user_agent : DEFAULT_USER_AGENT;
        err = http_header_set(&client->request.headers, "User-Agent", agent);
    }
    return err == ESP_OK ? set_address(client, config) : err;
}

esp_http_client_handle_t esp_http_client_init(const esp_http_client_config_t *config)
{
    if (config == NULL) {
        return NULL;
    }
    esp_http_client_handle_t client = calloc(1, sizeof(*client));
    if (client == NULL) {
        ESP_LOGE(HTTP_TAG, "Error allocate memory");
        return NULL;
    }
    esp_err_t err = configure(client, config);
    if (err != ESP_OK) {
        ESP_LOGE(HTTP_TAG, "cannot make a client: %s", esp_err_to_name(err));
        esp_http_client_cleanup(client);
        return NULL;
    }
    return client;
}

esp_err_t esp_http_client_cleanup(esp_http_client_handle_t client)
{
    if (client == NULL) {
        return ESP_FAIL;
    }
    esp_http_client_close(client);
    esp_transport_list_destroy(client->transports);
    http_header_delete_all(&client->request.headers);
    http_response_reset(client);
    http_drop_early_body(client);
    http_address_free(&client->address);
    free(client->request.buffer);
    free(client->response.buffer);
    free(client);
    return ESP_OK;
}

esp_err_t esp_http_client_set_header(esp_http_client_handle_t client, const char *key, const char *value)
{
    return client != NULL && key != NULL ? http_header_set(&client->request.headers, key, value) : ESP_ERR_INVALID_ARG;
}

esp_err_t esp_http_client_get_header(esp_http_client_handle_t client, const char *key, char **value)
{
    if (client == NULL || key == NULL || value == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    *value = http_header_get(client->request.headers, key);
    return ESP_OK;
}

esp_err_t esp_http_client_delete_header(esp_http_client_handle_t client, const char *key)
{
    return esp_http_client_set_header(client, key, NULL);
}

esp_err_t esp_http_client_delete_all_headers(esp_http_client_handle_t client)
{
    if (client == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    http_header_delete_all(&client->request.headers);
    return ESP_OK;
}

esp_err_t esp_http_client_set_post_field(esp_http_client_handle_t client, const char *data, int len)
{
    if (client == NULL || len < 0) {
        return ESP_ERR_INVALID_ARG;
    }
    client->request.post_data = data;
    client->request.post_len = data != NULL ? len : 0;
    if (data == NULL) {
        return esp_http_client_set_header(client, "Content-Type", NULL);
    }
    if (http_header_get(client->request.headers, "Content-Type") != NULL) {
        return ESP_OK;
    }
    return esp_http_client_set_header(client, "Content-Type", "application/x-www-form-urlencoded");
}

int esp_http_client_get_post_field(esp_http_client_handle_t client, char **data)
{
    if (client->request.post_data == NULL) {
        return 0;
    }
    *data = (char *)client->request.post_data;
    return client->request.post_len;
}

esp_err_t esp_http_client_set_method(esp_http_client_handle_t client, esp_http_client_method_t method)
{
    if (client == NULL || (unsigned)method >= HTTP_METHOD_MAX) {
        return ESP_ERR_INVALID_ARG;
    }
    client->method = method;
    return ESP_OK;
}

esp_err_t esp_http_client_set_timeout_ms(esp_http_client_handle_t client, int timeout_ms)
{
    if (client == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    client->timeout_ms = timeout_ms;
    return ESP_OK;
}

esp_err_t esp_http_client_get_user_data(esp_http_client_handle_t client, void **data)
{
    if (client == NULL || data == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    *data = client->user_data;
    return ESP_OK;
}

esp_err_t esp_http_client_set_user_data(esp_http_client_handle_t client, void *data)
{
    if (client == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    client->user_data = data;
    return ESP_OK;
}

int esp_http_client_get_errno(esp_http_client_handle_t client)
{
    return client != NULL ? esp_transport_get_errno(client->transport) : -1;
}

int esp_http_client_get_socket(esp_http_client_handle_t client)
{
    return client != NULL ? esp_transport_get_socket(client->transport) : -1;
}

esp_err_t esp_http_client_get_and_clear_last_tls_error(esp_http_client_handle_t client, int *esp_tls_error_code,
                                                       int *esp_tls_flags)
{
    if (client == NULL || client->transport == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    return esp_tls_get_and_clear_last_error(esp_transport_get_error_handle(client->transport), esp_tls_error_code,
                                            esp_tls_flags);
}

esp_http_client_transport_t esp_http_client_get_transport_type(esp_http_client_handle_t client)
{
    if (strcasecmp(client->address.scheme, "https") == 0) {
        return HTTP_TRANSPORT_OVER_SSL;
    }
    return strcasecmp(client->address.scheme, "http") == 0 ? HTTP_TRANSPORT_OVER_TCP : HTTP_TRANSPORT_UNKNOWN;
}
