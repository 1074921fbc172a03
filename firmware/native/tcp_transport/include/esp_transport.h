/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A transport: connect, read, write, poll and close behind function pointers, so that the clients do not know
 * whether bytes travel in the clear or through TLS. Names and return values are those of ESP-IDF 5.4.
 *
 * A call that ran out of its timeout returns 0, one that failed returns a negative enum esp_tcp_transport_err_t.
 */
#pragma once

#include <stdbool.h>
#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct esp_transport_keepalive {
    bool keep_alive_enable;
    int keep_alive_idle;     /* seconds */
    int keep_alive_interval; /* seconds */
    int keep_alive_count;
} esp_transport_keep_alive_t;

typedef struct esp_transport_list_t *esp_transport_list_handle_t;
typedef struct esp_transport_item_t *esp_transport_handle_t;
typedef struct esp_tls_last_error *esp_tls_error_handle_t;

typedef int (*connect_func)(esp_transport_handle_t t, const char *host, int port, int timeout_ms);
typedef int (*io_func)(esp_transport_handle_t t, const char *buffer, int len, int timeout_ms);
typedef int (*io_read_func)(esp_transport_handle_t t, char *buffer, int len, int timeout_ms);
typedef int (*trans_func)(esp_transport_handle_t t);
typedef int (*poll_func)(esp_transport_handle_t t, int timeout_ms);

enum esp_tcp_transport_err_t {
    ERR_TCP_TRANSPORT_NO_MEM = -3,
    ERR_TCP_TRANSPORT_CONNECTION_FAILED = -2,
    ERR_TCP_TRANSPORT_CONNECTION_CLOSED_BY_FIN = -1,
    ERR_TCP_TRANSPORT_CONNECTION_TIMEOUT = 0,
};

#define ESP_ERR_TCP_TRANSPORT_BASE                     0xe000
#define ESP_ERR_TCP_TRANSPORT_CONNECTION_TIMEOUT       (ESP_ERR_TCP_TRANSPORT_BASE + 1)
#define ESP_ERR_TCP_TRANSPORT_CONNECTION_CLOSED_BY_FIN (ESP_ERR_TCP_TRANSPORT_BASE + 2)
#define ESP_ERR_TCP_TRANSPORT_CONNECTION_FAILED        (ESP_ERR_TCP_TRANSPORT_BASE + 3)
#define ESP_ERR_TCP_TRANSPORT_NO_MEM                   (ESP_ERR_TCP_TRANSPORT_BASE + 4)

/* A list of transports by URI scheme; it owns what is added to it. */
esp_transport_list_handle_t esp_transport_list_init(void);
esp_err_t esp_transport_list_add(esp_transport_list_handle_t list, esp_transport_handle_t t, const char *scheme);
esp_transport_handle_t esp_transport_list_get_transport(esp_transport_list_handle_t list, const char *scheme);
esp_err_t esp_transport_list_clean(esp_transport_list_handle_t list);
esp_err_t esp_transport_list_destroy(esp_transport_list_handle_t list);

/* An empty transport; esp_transport_set_func() makes it one of a kind. */
esp_transport_handle_t esp_transport_init(void);
esp_err_t esp_transport_set_func(esp_transport_handle_t t, connect_func connect, io_read_func read, io_func write,
                                 trans_func close, poll_func poll_read, poll_func poll_write, trans_func destroy);
esp_err_t esp_transport_destroy(esp_transport_handle_t t);

int esp_transport_get_default_port(esp_transport_handle_t t);
esp_err_t esp_transport_set_default_port(esp_transport_handle_t t, int port);
void *esp_transport_get_context_data(esp_transport_handle_t t);
esp_err_t esp_transport_set_context_data(esp_transport_handle_t t, void *data);

/* timeout_ms < 0 waits for ever; connecting, 10 s. */
int esp_transport_connect(esp_transport_handle_t t, const char *host, int port, int timeout_ms);
int esp_transport_read(esp_transport_handle_t t, char *buffer, int len, int timeout_ms);
int esp_transport_write(esp_transport_handle_t t, const char *buffer, int len, int timeout_ms);
int esp_transport_poll_read(esp_transport_handle_t t, int timeout_ms);
int esp_transport_poll_write(esp_transport_handle_t t, int timeout_ms);
int esp_transport_close(esp_transport_handle_t t);

/* The errno of the last failure; reading it clears it. */
int esp_transport_get_errno(esp_transport_handle_t t);
int esp_transport_get_socket(esp_transport_handle_t t);
/* What esp_tls said of the last failure; see esp_tls_get_and_clear_last_error(). Stays the transport's. */
esp_tls_error_handle_t esp_transport_get_error_handle(esp_transport_handle_t t);
esp_err_t esp_transport_translate_error(enum esp_tcp_transport_err_t error);

#ifdef __cplusplus
}
#endif
