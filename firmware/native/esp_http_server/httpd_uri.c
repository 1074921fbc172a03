/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Which handler serves a path: registration, matching, and the call itself.
 */
#include <stdlib.h>
#include <string.h>

#include "esp_log.h"
#include "httpd_priv.h"

static const char *TAG = "httpd_uri";

/* ---- Matching --------------------------------------------------------------------------------------------------- */

static bool match_exact(const char *pattern, const char *uri, size_t len)
{
    return strlen(pattern) == len && strncmp(pattern, uri, len) == 0;
}

bool httpd_uri_match_wildcard(const char *uri_template, const char *uri_to_match, size_t match_upto)
{
    /* Up to one '*' and one '?' at the end, in either order. */
    size_t fixed = strlen(uri_template);
    bool any_tail = false;
    bool optional = false;
    for (int i = 0; i < 2 && fixed > 0; i++) {
        char last = uri_template[fixed - 1];
        if (last == '*' && !any_tail) {
            any_tail = true;
        } else if (last == '?' && !optional) {
            optional = true;
        } else {
            break;
        }
        fixed--;
    }
    if (optional) {
        if (fixed == 0) {
            return false; /* no character before the '?' that could be optional */
        }
        fixed--;
    }
    if (match_upto < fixed || strncmp(uri_template, uri_to_match, fixed) != 0) {
        return false;
    }
    size_t tail = match_upto - fixed;
    if (optional) {
        if (tail > 0 && uri_to_match[fixed] != uri_template[fixed]) {
            return false;
        }
        return any_tail || tail <= 1;
    }
    return any_tail || tail == 0;
}

static httpd_uri_t *find_handler(struct httpd_server *server, const char *path, size_t len, int method,
                                 httpd_err_code_t *why_not)
{
    httpd_uri_match_func_t match = server->config.uri_match_fn ? server->config.uri_match_fn : match_exact;
    *why_not = HTTPD_404_NOT_FOUND;
    for (unsigned i = 0; i < server->handler_count; i++) {
        httpd_uri_t *handler = &server->handlers[i];
        if (!match(handler->uri, path, len)) {
            continue;
        }
        if ((int)handler->method == method || (int)handler->method == HTTP_ANY) {
            return handler;
        }
        *why_not = HTTPD_405_METHOD_NOT_ALLOWED;
    }
    return NULL;
}

/* ---- Registration ----------------------------------------------------------------------------------------------- */

static void handler_free(httpd_uri_t *handler)
{
    free((char *)handler->uri);
#ifdef CONFIG_HTTPD_WS_SUPPORT
    free((char *)handler->supported_subprotocol);
#endif
}

static esp_err_t handler_copy(httpd_uri_t *to, const httpd_uri_t *from)
{
    *to = *from;
    to->uri = strdup(from->uri);
    bool complete = to->uri != NULL;
#ifdef CONFIG_HTTPD_WS_SUPPORT
    if (from->supported_subprotocol) {
        to->supported_subprotocol = strdup(from->supported_subprotocol);
        complete = complete && to->supported_subprotocol != NULL;
    }
#endif
    if (!complete) {
        handler_free(to);
        return ESP_ERR_HTTPD_ALLOC_MEM;
    }
    return ESP_OK;
}

esp_err_t httpd_register_uri_handler(httpd_handle_t handle, const httpd_uri_t *uri_handler)
{
    if (handle == NULL || uri_handler == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    struct httpd_server *server = handle;
    httpd_err_code_t ignored;
    /* Also refused: a path that an earlier pattern matches already. */
    if (find_handler(server, uri_handler->uri, strlen(uri_handler->uri), (int)uri_handler->method, &ignored)) {
        ESP_LOGW(TAG, "httpd_register_uri_handler: handler %s with method %d already registered", uri_handler->uri,
                 (int)uri_handler->method);
        return ESP_ERR_HTTPD_HANDLER_EXISTS;
    }
    if (server->handler_count == server->config.max_uri_handlers) {
        ESP_LOGW(TAG, "httpd_register_uri_handler: no slots left for registering handler");
        return ESP_ERR_HTTPD_HANDLERS_FULL;
    }
    esp_err_t err = handler_copy(&server->handlers[server->handler_count], uri_handler);
    if (err == ESP_OK) {
        server->handler_count++;
    }
    return err;
}

static unsigned unregister(struct httpd_server *server, const char *uri, bool any_method, int method, unsigned limit)
{
    unsigned removed = 0;
    unsigned kept = 0;
    for (unsigned i = 0; i < server->handler_count; i++) {
        httpd_uri_t *handler = &server->handlers[i];
        bool meant = strcmp(handler->uri, uri) == 0 && (any_method || (int)handler->method == method);
        if (meant && removed < limit) {
            handler_free(handler);
            removed++;
        } else {
            server->handlers[kept++] = *handler;
        }
    }
    server->handler_count = kept;
    return removed;
}

esp_err_t httpd_unregister_uri_handler(httpd_handle_t handle, const char *uri, httpd_method_t method)
{
    if (handle == NULL || uri == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    if (unregister(handle, uri, false, (int)method, 1) == 0) {
        ESP_LOGW(TAG, "httpd_unregister_uri_handler: handler %s with method %d not found", uri, (int)method);
        return ESP_ERR_NOT_FOUND;
    }
    return ESP_OK;
}

esp_err_t httpd_unregister_uri(httpd_handle_t handle, const char *uri)
{
    if (handle == NULL || uri == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    if (unregister(handle, uri, true, 0, UINT_MAX) == 0) {
        ESP_LOGW(TAG, "httpd_unregister_uri: no handler found for URI %s", uri);
        return ESP_ERR_NOT_FOUND;
    }
    return ESP_OK;
}

void httpd_handlers_free(struct httpd_server *server)
{
    for (unsigned i = 0; i < server->handler_count; i++) {
        handler_free(&server->handlers[i]);
    }
    free(server->handlers);
}

/* ---- Dispatch --------------------------------------------------------------------------------------------------- */

#ifdef CONFIG_HTTPD_WS_SUPPORT
static esp_err_t upgrade(httpd_req_t *req, const httpd_uri_t *handler)
{
#if CONFIG_HTTPD_WS_PRE_HANDSHAKE_CB_SUPPORT
    if (handler->ws_pre_handshake_cb && handler->ws_pre_handshake_cb(req) != ESP_OK) {
        ESP_LOGW(TAG, "httpd_uri: ws_pre_handshake_cb failed");
        return ESP_FAIL;
    }
#endif
    esp_err_t err = httpd_ws_handshake(req, handler->supported_subprotocol);
    if (err != ESP_OK) {
        return err;
    }
    struct httpd_session *session = httpd_exchange_of(req)->session;
    session->ws_open = true;
    session->ws_handler = handler->handler;
    session->ws_control_frames = handler->handle_ws_control_frames;
    session->ws_user_ctx = handler->user_ctx;
    return ESP_OK;
}
#endif

esp_err_t httpd_dispatch(struct httpd_server *server)
{
    httpd_req_t *req = &server->request;
    const struct http_parser_url *url = &server->exchange.url;
    if ((url->field_set & (1 << UF_PATH)) == 0) {
        return ESP_FAIL;
    }
    httpd_err_code_t why_not;
    const httpd_uri_t *handler = find_handler(server, req->uri + url->field_data[UF_PATH].off,
                                              url->field_data[UF_PATH].len, req->method, &why_not);
    if (handler == NULL) {
        if (why_not == HTTPD_404_NOT_FOUND) {
            ESP_LOGW(TAG, "httpd_uri: URI '%s' not found", req->uri);
        } else {
            ESP_LOGW(TAG, "httpd_uri: Method '%d' not allowed for URI '%s'", req->method, req->uri);
        }
        return httpd_answer_error(req, why_not);
    }
    req->user_ctx = handler->user_ctx;
#ifdef CONFIG_HTTPD_WS_SUPPORT
    if (handler->is_websocket && server->exchange.ws_upgrade && handler->method == HTTP_GET) {
        esp_err_t err = upgrade(req, handler);
        if (err != ESP_OK) {
            return err;
        }
    }
#endif
    if (handler->handler(req) != ESP_OK) {
        ESP_LOGW(TAG, "httpd_uri: uri handler execution failed");
        return ESP_FAIL;
    }
    return ESP_OK;
}
