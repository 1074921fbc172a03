/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A session's state, and what the files of esp_tls offer each other.
 */
#pragma once

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include "esp_tls.h"
#include "esp_tls_error_capture_internal.h"

#define TLS_TAG         "esp-tls"
#define TLS_MBEDTLS_TAG "esp-tls-mbedtls"

#define TLS_NO_SOCKET (-1)

/* What a chip sends in one record: its output buffer is CONFIG_MBEDTLS_SSL_OUT_CONTENT_LEN, 4096 by default. */
#define TLS_RECORD_MAX_BYTES 4096

struct esp_tls {
    mbedtls_ssl_context ssl;
    mbedtls_ssl_config conf;
    mbedtls_ctr_drbg_context ctr_drbg;
    mbedtls_x509_crt ca;
    mbedtls_x509_crt own_cert;
    mbedtls_pk_context own_key;
    bool has_contexts; /* the above are initialised and must be freed */
    bool is_tls;
    uint8_t peer_ip[4]; /* when the peer is named by its address: what its certificate may hold in binary */
    int sockfd;
    esp_tls_role_t role;
    esp_tls_conn_state_t conn_state;
    esp_tls_error_handle_t error_handle;
};

/* tls_errors.c */
/* Logs "<call> returned -0x..." and captures the code. */
void tls_errors_mbedtls(esp_tls_t *tls, const char *call, int ret);

/* tls_session.c: contexts and the bytes below TLS. An error leaves nothing allocated. */
esp_err_t tls_session_setup(esp_tls_t *tls, esp_err_t (*configure)(esp_tls_t *tls, const void *arg), const void *arg);
void tls_session_free(esp_tls_t *tls);

/* tls_config.c */
struct tls_client_config {
    const char *hostname;
    size_t hostlen;
    const esp_tls_cfg_t *cfg;
};
esp_err_t tls_configure_client(esp_tls_t *tls, const void *client_config);
esp_err_t tls_configure_server(esp_tls_t *tls, const void *server_cfg);

/* tls_verify.c */
esp_err_t tls_verify_expect(esp_tls_t *tls, const char *name, size_t len);
void tls_verify_explain(esp_tls_t *tls);
