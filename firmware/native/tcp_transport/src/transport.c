/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Calls through the function pointers of a transport, with the answer a missing one gives.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include "transport_private.h"

esp_transport_handle_t esp_transport_init(void)
{
    esp_transport_handle_t t = calloc(1, sizeof(*t));
    if (t != NULL && (t->errors = esp_tls_internal_event_tracker_create()) == NULL) {
        free(t);
        t = NULL;
    }
    return t;
}

esp_err_t esp_transport_set_func(esp_transport_handle_t t, connect_func connect, io_read_func read, io_func write,
                                 trans_func close, poll_func poll_read, poll_func poll_write, trans_func destroy)
{
    if (t == NULL) {
        return ESP_FAIL;
    }
    t->connect = connect;
    t->read = read;
    t->write = write;
    t->close = close;
    t->poll_read = poll_read;
    t->poll_write = poll_write;
    t->destroy = destroy;
    return ESP_OK;
}

esp_err_t esp_transport_destroy(esp_transport_handle_t t)
{
    if (t == NULL) {
        return ESP_FAIL;
    }
    if (t->destroy != NULL) {
        t->destroy(t);
    }
    esp_tls_internal_event_tracker_destroy(t->errors);
    free(t);
    return ESP_OK;
}

int esp_transport_get_default_port(esp_transport_handle_t t)
{
    return t != NULL ? t->default_port : -1;
}

esp_err_t esp_transport_set_default_port(esp_transport_handle_t t, int port)
{
    if (t == NULL) {
        return ESP_FAIL;
    }
    t->default_port = port;
    return ESP_OK;
}

void *esp_transport_get_context_data(esp_transport_handle_t t)
{
    return t != NULL ? t->context : NULL;
}

esp_err_t esp_transport_set_context_data(esp_transport_handle_t t, void *data)
{
    if (t == NULL) {
        return ESP_FAIL;
    }
    t->context = data;
    return ESP_OK;
}

int esp_transport_connect(esp_transport_handle_t t, const char *host, int port, int timeout_ms)
{
    return t != NULL && t->connect != NULL ? t->connect(t, host, port, timeout_ms) : -1;
}

int esp_transport_read(esp_transport_handle_t t, char *buffer, int len, int timeout_ms)
{
    return t != NULL && t->read != NULL ? t->read(t, buffer, len, timeout_ms) : -1;
}

int esp_transport_write(esp_transport_handle_t t, const char *buffer, int len, int timeout_ms)
{
    return t != NULL && t->write != NULL ? t->write(t, buffer, len, timeout_ms) : -1;
}

int esp_transport_poll_read(esp_transport_handle_t t, int timeout_ms)
{
    return t != NULL && t->poll_read != NULL ? t->poll_read(t, timeout_ms) : -1;
}

int esp_transport_poll_write(esp_transport_handle_t t, int timeout_ms)
{
    return t != NULL && t->poll_write != NULL ? t->poll_write(t, timeout_ms) : -1;
}

int esp_transport_close(esp_transport_handle_t t)
{
    return t != NULL && t->close != NULL ? t->close(t) : 0;
}

int esp_transport_get_errno(esp_transport_handle_t t)
{
    return t != NULL ? atomic_exchange(&t->sock_errno, 0) : -1;
}

int esp_transport_get_socket(esp_transport_handle_t t)
{
    return t != NULL && t->get_socket != NULL ? t->get_socket(t) : -1;
}

esp_tls_error_handle_t esp_transport_get_error_handle(esp_transport_handle_t t)
{
    return t != NULL ? t->errors : NULL;
}

esp_err_t esp_transport_translate_error(enum esp_tcp_transport_err_t error)
{
    switch (error) {
    case ERR_TCP_TRANSPORT_CONNECTION_CLOSED_BY_FIN:
        return ESP_ERR_TCP_TRANSPORT_CONNECTION_CLOSED_BY_FIN;
    case ERR_TCP_TRANSPORT_CONNECTION_TIMEOUT:
        return ESP_ERR_TCP_TRANSPORT_CONNECTION_TIMEOUT;
    case ERR_TCP_TRANSPORT_CONNECTION_FAILED:
        return ESP_ERR_TCP_TRANSPORT_CONNECTION_FAILED;
    case ERR_TCP_TRANSPORT_NO_MEM:
        return ESP_ERR_TCP_TRANSPORT_NO_MEM;
    }
    return ESP_FAIL;
}
