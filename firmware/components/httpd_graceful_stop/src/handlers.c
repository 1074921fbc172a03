/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * URI handlers registered through the component: none starts while the server is stopping, and it is known which
 * session the one inside serves.
 */
#include <stdlib.h>

#include "stop_object.h"

/* Bytes: a handler, the longest URI that a request can have, and what a heap with poisoning adds to each of three. */
#define SERVERS_ROOM (sizeof(httpd_uri_t) + CONFIG_HTTPD_MAX_URI_LEN + 3 * 24)

struct wrapped_handler {
    wrapped_handler_t *next;
    stop_object_t *gs;
    esp_err_t (*handler)(httpd_req_t *req);
    void *user_ctx;
#ifdef CONFIG_HTTPD_WS_PRE_HANDSHAKE_CB_SUPPORT
    esp_err_t (*pre_handshake)(httpd_req_t *req);
#endif
#ifdef CONFIG_HTTPD_WS_POST_HANDSHAKE_CB_SUPPORT
    esp_err_t (*post_handshake)(httpd_req_t *req);
#endif
};

#ifdef CONFIG_HTTPD_WS_SUPPORT
/* A WebSocket gets no 503 but its CLOSE. Frames that cross that CLOSE are read, until the client's own comes. */
static esp_err_t refuse_frame(httpd_req_t *req)
{
    httpd_ws_type_t type = HTTPD_WS_TYPE_CONTINUE;
    esp_err_t err = idf_ws_discard_frame(req, &type);
    return type == HTTPD_WS_TYPE_CLOSE ? ESP_FAIL : err;
}
#endif

static esp_err_t refuse(stop_object_t *gs, httpd_req_t *req, int fd)
{
    (void)fd;
#ifdef CONFIG_HTTPD_WS_SUPPORT
    if (idf_is_ws_frame(req)) {
        return refuse_frame(req);
    }
    if (idf_is_ws_session(req->handle, fd)) {
        return ESP_OK;
    }
#endif
    stop_count(&gs->report.refused);
    httpd_resp_set_status(req, "503 Service Unavailable");
    httpd_resp_set_hdr(req, "Connection", "close");
    httpd_resp_send(req, NULL, 0);
    return ESP_FAIL; /* closes the session */
}

static esp_err_t run_wrapped(httpd_req_t *req)
{
    wrapped_handler_t *wrapped = req->user_ctx;
    stop_object_t *gs = wrapped->gs;
    req->user_ctx = wrapped->user_ctx;
    int fd = httpd_req_to_sockfd(req);
    poke(gs->inside_fd, fd);
    esp_err_t err = peek(gs->state) == STATE_STOPPING ? refuse(gs, req, fd) : wrapped->handler(req);
    poke(gs->inside_fd, INSIDE_NOTHING);
    stop_notify(gs);
    return err;
}

#ifdef CONFIG_HTTPD_WS_PRE_HANDSHAKE_CB_SUPPORT
static esp_err_t run_pre_handshake(httpd_req_t *req)
{
    wrapped_handler_t *wrapped = req->user_ctx;
    req->user_ctx = wrapped->user_ctx;
    esp_err_t err = wrapped->pre_handshake(req);
    req->user_ctx = wrapped;
    return err;
}
#endif

#ifdef CONFIG_HTTPD_WS_POST_HANDSHAKE_CB_SUPPORT
static esp_err_t run_post_handshake(httpd_req_t *req)
{
    wrapped_handler_t *wrapped = req->user_ctx;
    req->user_ctx = wrapped->user_ctx;
    esp_err_t err = wrapped->post_handshake(req);
    req->user_ctx = wrapped;
    return err;
}
#endif

/*
 * With room for what the server takes to keep it, had first and given back. Up to 6.0.2 a server that finds memory for
 * a handler but not for its URI keeps the handler it has freed, and its next registration or its end comes upon that.
 */
static wrapped_handler_t *new_handler(void)
{
    wrapped_handler_t *wrapped = malloc(sizeof(*wrapped) + SERVERS_ROOM);
    return wrapped == NULL ? NULL : realloc(wrapped, sizeof(*wrapped));
}

static esp_err_t register_wrapped(stop_object_t *gs, wrapped_handler_t *wrapped, const httpd_uri_t *uri)
{
    httpd_uri_t own = *uri;
    wrapped->gs = gs;
    wrapped->handler = uri->handler;
    wrapped->user_ctx = uri->user_ctx;
    own.handler = run_wrapped;
    own.user_ctx = wrapped;
#ifdef CONFIG_HTTPD_WS_PRE_HANDSHAKE_CB_SUPPORT
    wrapped->pre_handshake = uri->ws_pre_handshake_cb;
    own.ws_pre_handshake_cb = uri->ws_pre_handshake_cb != NULL ? run_pre_handshake : NULL;
#endif
#ifdef CONFIG_HTTPD_WS_POST_HANDSHAKE_CB_SUPPORT
    wrapped->post_handshake = uri->ws_post_handshake_cb;
    own.ws_post_handshake_cb = uri->ws_post_handshake_cb != NULL ? run_post_handshake : NULL;
#endif
    return httpd_register_uri_handler(peek(gs->server), &own);
}

esp_err_t httpd_graceful_stop_register_uri_handler(httpd_graceful_stop_handle_t handle, const httpd_uri_t *uri)
{
    if (uri == NULL || uri->handler == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    stop_object_t *gs;
    esp_err_t err = leases_take(handle, &gs);
    if (err != ESP_OK) {
        return err;
    }
    wrapped_handler_t *wrapped = new_handler();
    err = wrapped == NULL ? ESP_ERR_NO_MEM : register_wrapped(gs, wrapped, uri);
    if (err == ESP_OK) {
        stop_enter();
        wrapped->next = gs->handlers;
        gs->handlers = wrapped;
        stop_exit();
    } else {
        free(wrapped);
    }
    leases_give(gs);
    return err;
}

void handlers_delete(stop_object_t *gs)
{
    wrapped_handler_t *wrapped;
    while ((wrapped = gs->handlers) != NULL) { /* the server has stopped: nobody registers */
        gs->handlers = wrapped->next;
        free(wrapped);
    }
}
