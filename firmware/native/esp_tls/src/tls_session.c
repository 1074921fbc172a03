/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * mbedTLS's contexts of one session, their randomness, and the bytes below TLS.
 */
#include <errno.h>
#include <stdlib.h>
#include "lwip/sockets.h"
#include <mbedtls/net_sockets.h>
#include "esp_log.h"
#include "esp_random.h"
#include "tls_private.h"

/* A timeout of the socket (SO_RCVTIMEO, SO_SNDTIMEO) comes as EAGAIN and is told to mbedTLS as "would block", on a
 * blocking socket too, which is what ESP-IDF does. */
static int error_below(int would_block, int failed)
{
    switch (errno) {
    case EAGAIN:
    case EINTR:
        return would_block;
    case EPIPE:
    case ECONNRESET:
        return MBEDTLS_ERR_NET_CONN_RESET;
    default:
        return failed;
    }
}

static int receive_below(void *arg, unsigned char *buf, size_t len)
{
    const esp_tls_t *tls = arg;
    int n = (int)lwip_recv(tls->sockfd, buf, len, 0);
    return n >= 0 ? n : error_below(MBEDTLS_ERR_SSL_WANT_READ, MBEDTLS_ERR_NET_RECV_FAILED);
}

static int send_below(void *arg, const unsigned char *buf, size_t len)
{
    const esp_tls_t *tls = arg;
    int n = (int)lwip_send(tls->sockfd, buf, len, 0);
    return n >= 0 ? n : error_below(MBEDTLS_ERR_SSL_WANT_WRITE, MBEDTLS_ERR_NET_SEND_FAILED);
}

/* Straight from the board's random numbers. mbedTLS's own collector does nothing better with them, and as Debian builds
 * it, with HAVEGE, it holds 38 KB for every session. */
static int get_entropy(void *arg, unsigned char *bytes, size_t len)
{
    (void)arg;
    esp_fill_random(bytes, len);
    return 0;
}

static void init_contexts(esp_tls_t *tls)
{
    mbedtls_ssl_init(&tls->ssl);
    mbedtls_ssl_config_init(&tls->conf);
    mbedtls_ctr_drbg_init(&tls->ctr_drbg);
    mbedtls_x509_crt_init(&tls->ca);
    mbedtls_x509_crt_init(&tls->own_cert);
    mbedtls_pk_init(&tls->own_key);
    tls->has_contexts = true;
}

void tls_session_free(esp_tls_t *tls)
{
    if (!tls->has_contexts) {
        return;
    }
    mbedtls_ssl_free(&tls->ssl);
    mbedtls_ssl_config_free(&tls->conf);
    mbedtls_x509_crt_free(&tls->ca);
    mbedtls_x509_crt_free(&tls->own_cert);
    mbedtls_pk_free(&tls->own_key);
    mbedtls_ctr_drbg_free(&tls->ctr_drbg);
    tls->has_contexts = false;
}

esp_err_t tls_session_setup(esp_tls_t *tls, esp_err_t (*configure)(esp_tls_t *tls, const void *arg), const void *arg)
{
    init_contexts(tls);
    esp_err_t err;
    int ret = mbedtls_ctr_drbg_seed(&tls->ctr_drbg, get_entropy, NULL, NULL, 0);
    if (ret != 0) {
        tls_errors_mbedtls(tls, "mbedtls_ctr_drbg_seed", ret);
        err = ESP_ERR_MBEDTLS_CTR_DRBG_SEED_FAILED;
        goto fail;
    }
    mbedtls_ssl_conf_rng(&tls->conf, mbedtls_ctr_drbg_random, &tls->ctr_drbg);
    err = configure(tls, arg);
    if (err != ESP_OK) {
        goto fail;
    }
    ret = mbedtls_ssl_setup(&tls->ssl, &tls->conf);
    if (ret != 0) {
        tls_errors_mbedtls(tls, "mbedtls_ssl_setup", ret);
        err = ESP_ERR_MBEDTLS_SSL_SETUP_FAILED;
        goto fail;
    }
    mbedtls_ssl_set_bio(&tls->ssl, tls, send_below, receive_below, NULL);
    tls->is_tls = true;
    return ESP_OK;

fail:
    tls_session_free(tls);
    return err;
}

esp_tls_t *esp_tls_init(void)
{
    esp_tls_t *tls = calloc(1, sizeof(*tls));
    if (tls == NULL) {
        return NULL;
    }
    tls->error_handle = esp_tls_internal_event_tracker_create();
    if (tls->error_handle == NULL) {
        free(tls);
        return NULL;
    }
    tls->sockfd = TLS_NO_SOCKET;
    return tls;
}

int esp_tls_conn_destroy(esp_tls_t *tls)
{
    if (tls == NULL) {
        return -1;
    }
    int ret = 0;
    tls_session_free(tls);
    if (tls->sockfd >= 0) {
        if (tls->is_tls) {
            lwip_shutdown(tls->sockfd, SHUT_RDWR);
        }
        ret = lwip_close(tls->sockfd);
    }
    esp_tls_internal_event_tracker_destroy(tls->error_handle);
    free(tls);
    return ret;
}

static esp_err_t missing(const void *a, const void *b)
{
    if (a != NULL && b != NULL) {
        return ESP_OK;
    }
    ESP_LOGE(TLS_TAG, "Invalid arguments passed");
    return ESP_ERR_INVALID_ARG;
}

esp_err_t esp_tls_get_conn_sockfd(esp_tls_t *tls, int *sockfd)
{
    esp_err_t err = missing(tls, sockfd);
    if (err == ESP_OK) {
        *sockfd = tls->sockfd;
    }
    return err;
}

esp_err_t esp_tls_set_conn_sockfd(esp_tls_t *tls, int sockfd)
{
    esp_err_t err = missing(tls, sockfd >= 0 ? tls : NULL);
    if (err == ESP_OK) {
        tls->sockfd = sockfd;
    }
    return err;
}

esp_err_t esp_tls_get_conn_state(esp_tls_t *tls, esp_tls_conn_state_t *conn_state)
{
    esp_err_t err = missing(tls, conn_state);
    if (err == ESP_OK) {
        *conn_state = tls->conn_state;
    }
    return err;
}

esp_err_t esp_tls_set_conn_state(esp_tls_t *tls, esp_tls_conn_state_t conn_state)
{
    esp_err_t err = missing(tls, conn_state <= ESP_TLS_DONE ? tls : NULL);
    if (err == ESP_OK) {
        tls->conn_state = conn_state;
    }
    return err;
}

void *esp_tls_get_ssl_context(esp_tls_t *tls)
{
    return missing(tls, tls) == ESP_OK ? &tls->ssl : NULL;
}
