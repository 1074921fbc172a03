/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a handler may ask about its request: headers, the URL's query, cookies. All of them copy what fits, end it with
 * NUL and say ESP_ERR_HTTPD_RESULT_TRUNC when it did not fit.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "esp_log.h"
#include "httpd_priv.h"

static const char *TAG = "httpd_parse";

void httpd_copy_truncated(char *to, size_t size, const char *from, size_t len)
{
    if (size == 0) {
        return;
    }
    if (len > size - 1) {
        len = size - 1;
    }
    memcpy(to, from, len);
    to[len] = '\0';
}

static esp_err_t copy_result(char *to, size_t size, const char *from, size_t len)
{
    httpd_copy_truncated(to, size, from, len);
    return size < len + 1 ? ESP_ERR_HTTPD_RESULT_TRUNC : ESP_OK;
}

/* ---- Headers ---------------------------------------------------------------------------------------------------- */

static const char *header_value(const httpd_req_t *req, const char *field)
{
    const struct httpd_exchange *exchange = httpd_exchange_of(req);
    const char *name = exchange->scratch;
    for (unsigned i = 0; i < exchange->header_count; i++) {
        const char *value = name + strlen(name) + 1;
        if (strcasecmp(name, field) == 0) {
            return value;
        }
        name = value + strlen(value) + 1;
    }
    return NULL;
}

size_t httpd_req_get_hdr_value_len(httpd_req_t *r, const char *field)
{
    if (r == NULL || field == NULL || !httpd_request_valid(r)) {
        return 0;
    }
    const char *value = header_value(r, field);
    return value ? strlen(value) : 0;
}

esp_err_t httpd_req_get_hdr_value_str(httpd_req_t *r, const char *field, char *val, size_t val_size)
{
    if (r == NULL || field == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!httpd_request_valid(r)) {
        return ESP_ERR_HTTPD_INVALID_REQ;
    }
    const char *value = header_value(r, field);
    return value ? copy_result(val, val_size, value, strlen(value)) : ESP_ERR_NOT_FOUND;
}

/* ---- Query ------------------------------------------------------------------------------------------------------ */

static bool has_query(const httpd_req_t *req)
{
    return req->uri[0] != '\0' && (httpd_exchange_of(req)->url.field_set & (1 << UF_QUERY)) != 0;
}

size_t httpd_req_get_url_query_len(httpd_req_t *r)
{
    if (r == NULL || !httpd_request_valid(r) || !has_query(r)) {
        return 0;
    }
    return httpd_exchange_of(r)->url.field_data[UF_QUERY].len;
}

esp_err_t httpd_req_get_url_query_str(httpd_req_t *r, char *buf, size_t buf_len)
{
    if (r == NULL || buf == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!httpd_request_valid(r)) {
        return ESP_ERR_HTTPD_INVALID_REQ;
    }
    if (r->uri[0] == '\0') {
        return ESP_FAIL;
    }
    if (!has_query(r)) {
        return ESP_ERR_NOT_FOUND;
    }
    const struct http_parser_url *url = &httpd_exchange_of(r)->url;
    return copy_result(buf, buf_len, r->uri + url->field_data[UF_QUERY].off, url->field_data[UF_QUERY].len);
}

/*
 * Finds "key=value" in a list; a value ends at `end`, and the next pair begins after the next `next`. Names are
 * compared without regard to case, and a name that lacks its '=' swallows what follows, as in ESP-IDF.
 */
static const char *find_pair(const char *list, const char *key, char end, char next, size_t *len)
{
    size_t key_len = strlen(key);
    while (*list != '\0') {
        const char *value = strchr(list, '=');
        if (value == NULL) {
            return NULL;
        }
        size_t name_len = (size_t)(value++ - list);
        if (name_len == key_len && strncasecmp(list, key, key_len) == 0) {
            const char *value_end = strchr(value, end);
            *len = value_end ? (size_t)(value_end - value) : strlen(value);
            return value;
        }
        list = strchr(value, next);
        if (list == NULL) {
            return NULL;
        }
        list++;
    }
    return NULL;
}

esp_err_t httpd_query_key_value(const char *qry, const char *key, char *val, size_t val_size)
{
    if (qry == NULL || key == NULL || val == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    size_t len;
    const char *value = find_pair(qry, key, '&', '&', &len);
    return value ? copy_result(val, val_size, value, len) : ESP_ERR_NOT_FOUND;
}

/* ---- Cookies ---------------------------------------------------------------------------------------------------- */

esp_err_t httpd_req_get_cookie_val(httpd_req_t *req, const char *cookie_name, char *val, size_t *val_size)
{
    size_t header_len = httpd_req_get_hdr_value_len(req, "Cookie");
    if (header_len == 0) {
        return ESP_ERR_NOT_FOUND;
    }
    if (cookie_name == NULL || val == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    char *cookies = malloc(header_len + 1);
    if (cookies == NULL) {
        ESP_LOGE(TAG, "Failed to allocate memory for cookie string");
        return ESP_ERR_NO_MEM;
    }
    esp_err_t err = httpd_req_get_hdr_value_str(req, "Cookie", cookies, header_len + 1);
    if (err == ESP_OK) {
        size_t len;
        const char *value = find_pair(cookies, cookie_name, ';', ' ', &len);
        err = ESP_ERR_NOT_FOUND;
        if (value) {
            err = copy_result(val, *val_size, value, len);
            *val_size = len + 1;
        }
    }
    free(cookies);
    return err;
}
