/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The HTTPS server's public face, as ESP-IDF 5.4 has it: esp_http_server whose sessions are TLS.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "esp_err.h"
#include "esp_event.h"
#include "esp_heap_caps.h"
#include "esp_http_server.h"
#include "esp_idf_version.h"
#include "esp_tls.h"

#ifdef __cplusplus
extern "C" {
#endif

ESP_EVENT_DECLARE_BASE(ESP_HTTPS_SERVER_EVENT);

/** Posted to the default event loop, one for every receive and send too. */
typedef enum {
    HTTPS_SERVER_EVENT_ERROR = 0, /*!< data: esp_https_server_last_error_t */
    HTTPS_SERVER_EVENT_START,
    HTTPS_SERVER_EVENT_ON_CONNECTED, /*!< after the handshake and the user's open_fn */
    HTTPS_SERVER_EVENT_ON_DATA,      /*!< data: int, bytes received */
    HTTPS_SERVER_EVENT_SENT_DATA,
    HTTPS_SERVER_EVENT_DISCONNECTED,
    HTTPS_SERVER_EVENT_STOP,
} esp_https_server_event_id_t;

typedef enum {
    HTTPD_SSL_TRANSPORT_SECURE,
    HTTPD_SSL_TRANSPORT_INSECURE, /*!< a plain server on port_insecure */
} httpd_ssl_transport_mode_t;

typedef enum {
    HTTPD_SSL_USER_CB_SESS_CREATE,
    HTTPD_SSL_USER_CB_SESS_CLOSE, /*!< the socket is closed already */
} httpd_ssl_user_cb_state_t;

typedef struct esp_https_server_user_cb_arg {
    httpd_ssl_user_cb_state_t user_cb_state;
    esp_tls_t *tls;
} esp_https_server_user_cb_arg_t;

typedef esp_tls_last_error_t esp_https_server_last_error_t;

typedef void esp_https_server_user_cb(esp_https_server_user_cb_arg_t *user_cb);

struct httpd_ssl_config {
    httpd_config_t httpd;      /*!< its open_fn runs after the handshake, and what it returns is ignored */
    const uint8_t *servercert; /*!< certificates and key are copied; of PEM the length includes the terminating zero */
    size_t servercert_len;
    const uint8_t *cacert_pem; /*!< of clients; with it, a client without a certificate is refused */
    size_t cacert_len;
    const uint8_t *prvtkey_pem;
    size_t prvtkey_len;
    bool use_ecdsa_peripheral;
    uint8_t ecdsa_key_efuse_blk;
    httpd_ssl_transport_mode_t transport_mode;
    uint16_t port_secure;
    uint16_t port_insecure;
    bool session_tickets; /*!< ESP_ERR_NOT_SUPPORTED, as without CONFIG_ESP_TLS_SERVER_SESSION_TICKETS */
    bool use_secure_element;
    esp_https_server_user_cb *user_cb;
    void *ssl_userdata;
    esp_tls_handshake_callback cert_select_cb;
    const char **alpn_protos; /*!< must live as long as the server */
};

typedef struct httpd_ssl_config httpd_ssl_config_t;

/* httpd_config_t has it since 5.3, and the server may be an ESP-IDF's own (cmake/esp_idf.cmake). */
#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 3, 0)
#define HTTPD_SSL_TASK_CAPS .task_caps = (MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT),
#else
#define HTTPD_SSL_TASK_CAPS
#endif

#define HTTPD_SSL_CONFIG_DEFAULT()                                                             \
    {                                                                                          \
        .httpd =                                                                               \
            {                                                                                  \
                .task_priority = tskIDLE_PRIORITY + 5,                                         \
                .stack_size = 10240,                                                           \
                .core_id = tskNO_AFFINITY,                                                     \
                HTTPD_SSL_TASK_CAPS /* */                                                      \
                    .server_port = 0,                                                          \
                .ctrl_port = 32769,                                                            \
                .max_open_sockets = 4,                                                         \
                .max_uri_handlers = 8,                                                         \
                .max_resp_headers = 8,                                                         \
                .backlog_conn = 5,                                                             \
                .lru_purge_enable = true,                                                      \
                .recv_wait_timeout = 5,                                                        \
                .send_wait_timeout = 5,                                                        \
            },                                                                                 \
        .transport_mode = HTTPD_SSL_TRANSPORT_SECURE, .port_secure = 443, .port_insecure = 80, \
    }

/** Changes config->httpd: port, global_transport_ctx, open_fn. */
esp_err_t httpd_ssl_start(httpd_handle_t *handle, httpd_ssl_config_t *config);

/** httpd_stop(), with all that is to say of it: no limit to how long it waits. */
esp_err_t httpd_ssl_stop(httpd_handle_t handle);

#ifdef __cplusplus
}
#endif
