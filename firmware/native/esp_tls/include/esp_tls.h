/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * TLS sessions over lwIP's sockets under the names of ESP-IDF 5.4, client and server. What is not modelled (PSK, the
 * certificate bundle, secure elements, session tickets, selecting a certificate by SNI) is refused with a log line, as
 * by an ESP-IDF that is configured without it; see ../README.md.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "esp_err.h"
#include "esp_tls_errors.h"
#include "sdkconfig.h"
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum esp_tls_conn_state {
    ESP_TLS_INIT = 0,
    ESP_TLS_CONNECTING,
    ESP_TLS_HANDSHAKE,
    ESP_TLS_FAIL,
    ESP_TLS_DONE,
} esp_tls_conn_state_t;

typedef enum esp_tls_role {
    ESP_TLS_CLIENT = 0,
    ESP_TLS_SERVER,
} esp_tls_role_t;

typedef struct psk_key_hint {
    const uint8_t *key;
    const size_t key_size;
    const char *hint;
} psk_hint_key_t;

typedef struct tls_keep_alive_cfg {
    bool keep_alive_enable;
    int keep_alive_idle;     /* seconds */
    int keep_alive_interval; /* seconds */
    int keep_alive_count;
} tls_keep_alive_cfg_t;

typedef enum esp_tls_addr_family {
    ESP_TLS_AF_UNSPEC = 0,
    ESP_TLS_AF_INET,
    ESP_TLS_AF_INET6,
} esp_tls_addr_family_t;

typedef enum {
    ESP_TLS_VER_ANY = 0,
    ESP_TLS_VER_TLS_1_2 = 0x1,
    ESP_TLS_VER_TLS_1_3 = 0x2,
    ESP_TLS_VER_TLS_MAX,
} esp_tls_proto_ver_t;

/* Buffers are the caller's and must live as long as the connection. Of PEM the size includes the terminating zero. */
typedef struct esp_tls_cfg {
    const char **alpn_protos;
    union {
        const unsigned char *cacert_buf;
        const unsigned char *cacert_pem_buf;
    };
    union {
        unsigned int cacert_bytes;
        unsigned int cacert_pem_bytes;
    };
    union {
        const unsigned char *clientcert_buf;
        const unsigned char *clientcert_pem_buf;
    };
    union {
        unsigned int clientcert_bytes;
        unsigned int clientcert_pem_bytes;
    };
    union {
        const unsigned char *clientkey_buf;
        const unsigned char *clientkey_pem_buf;
    };
    union {
        unsigned int clientkey_bytes;
        unsigned int clientkey_pem_bytes;
    };
    const unsigned char *clientkey_password;
    unsigned int clientkey_password_len;
    bool use_ecdsa_peripheral;
    uint8_t ecdsa_key_efuse_blk;
    bool non_block;
    bool use_secure_element;
    int timeout_ms; /* of connecting, and of each wait for the socket afterwards; 0: 10 s */
    bool use_global_ca_store;
    const char *common_name; /* the name the certificate must have, instead of the host's */
    bool skip_common_name;   /* any name will do, and none is sent (SNI) */
    tls_keep_alive_cfg_t *keep_alive_cfg;
    const psk_hint_key_t *psk_hint_key;
    esp_err_t (*crt_bundle_attach)(void *conf);
    void *ds_data;
    bool is_plain_tcp;
    struct ifreq *if_name;
    esp_tls_addr_family_t addr_family;
    const int *ciphersuites_list; /* ends with 0 */
    esp_tls_proto_ver_t tls_version;
} esp_tls_cfg_t;

/* Selecting a certificate during the handshake is not modelled; ESP-IDF too leaves it out by default. */
typedef void *esp_tls_handshake_callback;

typedef struct esp_tls_cfg_server {
    const char **alpn_protos;
    union {
        const unsigned char *cacert_buf; /* of clients; with it, a client without a certificate is refused */
        const unsigned char *cacert_pem_buf;
    };
    union {
        unsigned int cacert_bytes;
        unsigned int cacert_pem_bytes;
    };
    union {
        const unsigned char *servercert_buf;
        const unsigned char *servercert_pem_buf;
    };
    union {
        unsigned int servercert_bytes;
        unsigned int servercert_pem_bytes;
    };
    union {
        const unsigned char *serverkey_buf;
        const unsigned char *serverkey_pem_buf;
    };
    union {
        unsigned int serverkey_bytes;
        unsigned int serverkey_pem_bytes;
    };
    const unsigned char *serverkey_password;
    unsigned int serverkey_password_len;
    bool use_ecdsa_peripheral;
    uint8_t ecdsa_key_efuse_blk;
    bool use_secure_element;
    void *userdata;
} esp_tls_cfg_server_t;

typedef struct esp_tls esp_tls_t;

esp_tls_t *esp_tls_init(void);

/* ---- Client ----------------------------------------------------------------------------------------------------- */

/* 1: connected; 0: not within cfg->timeout_ms; -1: failed, see esp_tls_get_error_handle(). */
int esp_tls_conn_new_sync(const char *hostname, int hostlen, int port, const esp_tls_cfg_t *cfg, esp_tls_t *tls);
int esp_tls_conn_http_new_sync(const char *url, const esp_tls_cfg_t *cfg, esp_tls_t *tls);
/* The same step by step, with cfg->non_block: 0 means that it has to be called again. */
int esp_tls_conn_new_async(const char *hostname, int hostlen, int port, const esp_tls_cfg_t *cfg, esp_tls_t *tls);
int esp_tls_conn_http_new_async(const char *url, const esp_tls_cfg_t *cfg, esp_tls_t *tls);

/* No TLS: a connected socket in *sockfd. */
esp_err_t esp_tls_plain_tcp_connect(const char *host, int hostlen, int port, const esp_tls_cfg_t *cfg,
                                    esp_tls_error_handle_t error_handle, int *sockfd);

/* Closes the socket too. TLS's own farewell (close_notify) is not sent, as by ESP-IDF. */
int esp_tls_conn_destroy(esp_tls_t *tls);

/* ---- Server ----------------------------------------------------------------------------------------------------- */

/* The handshake on an accepted socket: 0, or mbedTLS's error. There is no limit to how long it waits for the client. */
int esp_tls_server_session_create(esp_tls_cfg_server_t *cfg, int sockfd, esp_tls_t *tls);
/* Frees the session; the socket stays the caller's. */
void esp_tls_server_session_delete(esp_tls_t *tls);
/* ESP_ERR_NOT_SUPPORTED, as in an ESP-IDF without CONFIG_ESP_TLS_SERVER_SESSION_TICKETS (its default). */
esp_err_t esp_tls_cfg_server_session_tickets_init(esp_tls_cfg_server_t *cfg);
void esp_tls_cfg_server_session_tickets_free(esp_tls_cfg_server_t *cfg);

/* ---- Both ------------------------------------------------------------------------------------------------------- */

/* Bytes; 0 at the end of the connection; ESP_TLS_ERR_SSL_WANT_... when the socket's timeout passed; other: failed. */
ssize_t esp_tls_conn_read(esp_tls_t *tls, void *data, size_t datalen);
ssize_t esp_tls_conn_write(esp_tls_t *tls, const void *data, size_t datalen);
/* Decrypted already, so that select() knows nothing of them. */
ssize_t esp_tls_get_bytes_avail(esp_tls_t *tls);

esp_err_t esp_tls_get_conn_sockfd(esp_tls_t *tls, int *sockfd);
esp_err_t esp_tls_set_conn_sockfd(esp_tls_t *tls, int sockfd);
esp_err_t esp_tls_get_conn_state(esp_tls_t *tls, esp_tls_conn_state_t *conn_state);
esp_err_t esp_tls_set_conn_state(esp_tls_t *tls, esp_tls_conn_state_t conn_state);
/* mbedtls_ssl_context */
void *esp_tls_get_ssl_context(esp_tls_t *tls);
const int *esp_tls_get_ciphersuites_list(void);

esp_err_t esp_tls_get_error_handle(esp_tls_t *tls, esp_tls_error_handle_t *error_handle);
esp_err_t esp_tls_get_and_clear_last_error(esp_tls_error_handle_t h, int *esp_tls_code, int *esp_tls_flags);
esp_err_t esp_tls_get_and_clear_error_type(esp_tls_error_handle_t h, esp_tls_error_type_t err_type, int *error_code);

/* One CA store for all connections with use_global_ca_store; not to be changed while one is being made. */
esp_err_t esp_tls_init_global_ca_store(void);
esp_err_t esp_tls_set_global_ca_store(const unsigned char *cacert_pem_buf, const unsigned int cacert_pem_bytes);
mbedtls_x509_crt *esp_tls_get_global_ca_store(void);
void esp_tls_free_global_ca_store(void);

#ifdef __cplusplus
}
#endif
