/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Where the request goes: URLs taken apart, redirects followed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "esp_log.h"
#include "http_client_private.h"

#define HTTP_PORT  80
#define HTTPS_PORT 443

esp_err_t http_append_string(char **field, const char *text, size_t len)
{
    const size_t old_len = *field != NULL ? strlen(*field) : 0;
    char *longer = realloc(*field, old_len + len + 1);
    if (longer == NULL) {
        return ESP_ERR_NO_MEM;
    }
    memcpy(longer + old_len, text, len);
    longer[old_len + len] = '\0';
    *field = longer;
    return ESP_OK;
}

esp_err_t http_set_string(char **field, const char *text, size_t len)
{
    char *copy = NULL;
    esp_err_t err = http_append_string(&copy, text, len);
    if (err == ESP_OK) {
        free(*field);
        *field = copy;
    }
    return err;
}

void http_address_free(struct http_address *address)
{
    free(address->scheme);
    free(address->host);
    free(address->path);
    free(address->query);
}

static int default_port(const char *scheme)
{
    return strcasecmp(scheme, "https") == 0 ? HTTPS_PORT : HTTP_PORT;
}

esp_err_t http_set_host_header(esp_http_client_handle_t client)
{
    const struct http_address *address = &client->address;
    if (address->port == default_port(address->scheme)) {
        return http_header_set(&client->request.headers, "Host", address->host);
    }
    const size_t size = strlen(address->host) + sizeof(":65535");
    char *host = malloc(size);
    if (host == NULL) {
        return ESP_ERR_NO_MEM;
    }
    snprintf(host, size, "%s:%d", address->host, address->port);
    esp_err_t err = http_header_set(&client->request.headers, "Host", host);
    free(host);
    return err;
}

static bool has(const struct http_parser_url *parts, enum http_parser_url_fields field)
{
    return (parts->field_set & 1 << field) != 0;
}

static esp_err_t take(char **field, const char *url, const struct http_parser_url *parts,
                      enum http_parser_url_fields part, const char *fallback)
{
    if (has(parts, part)) {
        return http_set_string(field, url + parts->field_data[part].off, parts->field_data[part].len);
    }
    if (fallback != NULL) {
        return http_set_string(field, fallback, strlen(fallback));
    }
    free(*field);
    *field = NULL;
    return ESP_OK;
}

/* A URL without scheme and host (a relative redirect) keeps those of the one before. */
static esp_err_t take_address(struct http_address *address, const char *url, const struct http_parser_url *parts)
{
    esp_err_t err = ESP_OK;
    if (has(parts, UF_SCHEMA)) {
        err = take(&address->scheme, url, parts, UF_SCHEMA, NULL);
        if (err == ESP_OK) {
            address->port = default_port(address->scheme);
        }
    }
    if (has(parts, UF_PORT)) {
        address->port = parts->port;
    }
    if (err == ESP_OK && has(parts, UF_HOST)) {
        err = take(&address->host, url, parts, UF_HOST, NULL);
    }
    if (err == ESP_OK) {
        err = take(&address->path, url, parts, UF_PATH, "/");
    }
    return err == ESP_OK ? take(&address->query, url, parts, UF_QUERY, NULL) : err;
}

esp_err_t esp_http_client_set_url(esp_http_client_handle_t client, const char *url)
{
    if (client == NULL || url == NULL) {
        ESP_LOGE(HTTP_TAG, "client or url must not NULL");
        return ESP_ERR_INVALID_ARG;
    }
    struct http_parser_url parts;
    http_parser_url_init(&parts);
    if (http_parser_parse_url(url, strlen(url), 0, &parts) != 0) {
        ESP_LOGE(HTTP_TAG, "Error parse url %s", url);
        return ESP_ERR_INVALID_ARG;
    }
    if (has(&parts, UF_USERINFO)) {
        ESP_LOGE(HTTP_TAG, "a user name in the URL: HTTP authentication is not part of the native board");
        return ESP_ERR_NOT_SUPPORTED;
    }
    struct http_address *address = &client->address;
    const int old_port = address->port;
    char *old_host = address->host != NULL ? strdup(address->host) : NULL;
    esp_err_t err = take_address(address, url, &parts);
    const bool moved = old_port != address->port || old_host == NULL || address->host == NULL ||
                       strcasecmp(old_host, address->host) != 0;
    free(old_host);
    if (err == ESP_OK && moved && address->host != NULL) {
        err = http_set_host_header(client);
        http_drop_early_body(client);
        esp_http_client_close(client);
    }
    return err;
}

esp_err_t esp_http_client_get_url(esp_http_client_handle_t client, char *url, const int len)
{
    if (client == NULL || url == NULL || len <= 0) {
        return ESP_ERR_INVALID_ARG;
    }
    const struct http_address *address = &client->address;
    if (address->host == NULL) {
        ESP_LOGE(HTTP_TAG, "Failed to get URL");
        return ESP_FAIL;
    }
    snprintf(url, (size_t)len, "%s://%s:%d%s", address->scheme, address->host, address->port, address->path);
    return ESP_OK;
}

esp_err_t esp_http_client_set_redirection(esp_http_client_handle_t client)
{
    if (client == NULL || client->response.location == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    const char *location = client->response.location;
    if (strcasecmp(client->address.scheme, "https") == 0 && strncasecmp(location, "https://", 8) != 0) {
        ESP_LOGE(HTTP_TAG, "HTTPS origin can only redirect to https:// targets (got %s)", location);
        return ESP_ERR_HTTP_REDIRECT_DOWNGRADE;
    }
    esp_err_t err = esp_http_client_set_url(client, location);
    if (err == ESP_OK) {
        client->redirect_counter++;
        client->process_again = true;
    }
    return err;
}

esp_err_t esp_http_client_reset_redirect_counter(esp_http_client_handle_t client)
{
    if (client == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    client->redirect_counter = 0;
    return ESP_OK;
}
