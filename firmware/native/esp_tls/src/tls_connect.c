/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The client's way to a session: a TCP connection within a time, then the handshake.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "lwip/netdb.h"
#include "lwip/sockets.h"
#include <http_parser.h>
#include "esp_log.h"
#include "esp_timer.h"
#include "tls_private.h"

#define DEFAULT_TIMEOUT_MS 10000

/* ---- TCP -------------------------------------------------------------------------------------------------------- */

static esp_err_t look_up(const char *host, size_t hostlen, int port, struct sockaddr_in *address)
{
    char *name = strndup(host, hostlen);
    if (name == NULL) {
        return ESP_ERR_NO_MEM;
    }
    memset(address, 0, sizeof(*address));
    address->sin_family = AF_INET;
    address->sin_port = lwip_htons((uint16_t)port);
    ip4_addr_t numeric;
    esp_err_t err = ESP_ERR_ESP_TLS_CANNOT_RESOLVE_HOSTNAME;
    if (ip4addr_aton(name, &numeric)) {
        inet_addr_from_ip4addr(&address->sin_addr, &numeric);
        err = ESP_OK;
    }
#if LWIP_DNS
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (err != ESP_OK && lwip_getaddrinfo(name, NULL, &hints, &found) == 0 && found != NULL) {
        address->sin_addr = ((struct sockaddr_in *)(void *)found->ai_addr)->sin_addr;
        lwip_freeaddrinfo(found);
        err = ESP_OK;
    }
#endif
    if (err != ESP_OK) {
        ESP_LOGE(TLS_TAG, "couldn't get hostname for :%s:", name);
    }
    free(name);
    return err;
}

static struct timeval timeval_from_ms(int timeout_ms)
{
    return (struct timeval){.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
}

static int timeout_ms_of(const esp_tls_cfg_t *cfg)
{
    return cfg != NULL && cfg->timeout_ms > 0 ? cfg->timeout_ms : DEFAULT_TIMEOUT_MS;
}

static esp_err_t set_options(int fd, const esp_tls_cfg_t *cfg)
{
    if (cfg == NULL) {
        return ESP_OK;
    }
    const struct timeval limit = timeval_from_ms(timeout_ms_of(cfg));
    const int on = 1;
    const tls_keep_alive_cfg_t *keep_alive = cfg->keep_alive_cfg;
    bool set = lwip_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0 &&
               lwip_setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0;
    if (set && keep_alive != NULL && keep_alive->keep_alive_enable) {
        set = lwip_setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) == 0 &&
              lwip_setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &keep_alive->keep_alive_idle, sizeof(int)) == 0 &&
              lwip_setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &keep_alive->keep_alive_interval, sizeof(int)) == 0 &&
              lwip_setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &keep_alive->keep_alive_count, sizeof(int)) == 0;
    }
    if (!set) {
        ESP_LOGE(TLS_TAG, "Fail to setsockopt (%d)", errno);
    }
    return set ? ESP_OK : ESP_ERR_ESP_TLS_SOCKET_SETOPT_FAILED;
}

static esp_err_t set_blocking(int fd, bool blocking)
{
    int nonblocking = !blocking;
    return lwip_ioctl(fd, FIONBIO, &nonblocking) == 0 ? ESP_OK : ESP_ERR_ESP_TLS_SOCKET_SETOPT_FAILED;
}

/* The connection attempt has ended: how? */
static esp_err_t connect_result(int fd, esp_tls_error_handle_t errors)
{
    int err = 0;
    socklen_t len = sizeof(err);
    if (lwip_getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0) {
        return ESP_ERR_ESP_TLS_SOCKET_SETOPT_FAILED;
    }
    if (err != 0) {
        esp_tls_internal_event_tracker_capture(errors, ESP_TLS_ERR_TYPE_SYSTEM, err);
        ESP_LOGE(TLS_TAG, "[sock=%d] delayed connect error: %s", fd, strerror(err));
        return ESP_ERR_ESP_TLS_FAILED_CONNECT_TO_HOST;
    }
    return ESP_OK;
}

static esp_err_t connect_within(int fd, const struct sockaddr_in *address, const esp_tls_cfg_t *cfg,
                                esp_tls_error_handle_t errors)
{
    if (lwip_connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0) {
        return ESP_OK;
    }
    if (errno != EINPROGRESS) {
        esp_tls_internal_event_tracker_capture(errors, ESP_TLS_ERR_TYPE_SYSTEM, errno);
        ESP_LOGE(TLS_TAG, "[sock=%d] connect() error: %s", fd, strerror(errno));
        return ESP_ERR_ESP_TLS_FAILED_CONNECT_TO_HOST;
    }
    if (cfg != NULL && cfg->non_block) {
        return ESP_OK; /* the caller comes again */
    }
    fd_set writable;
    FD_ZERO(&writable);
    FD_SET(fd, &writable);
    struct timeval limit = timeval_from_ms(timeout_ms_of(cfg));
    int n = lwip_select(fd + 1, NULL, &writable, NULL, &limit);
    if (n < 0) {
        esp_tls_internal_event_tracker_capture(errors, ESP_TLS_ERR_TYPE_SYSTEM, errno);
        ESP_LOGE(TLS_TAG, "[sock=%d] select() error: %s", fd, strerror(errno));
        return ESP_ERR_ESP_TLS_FAILED_CONNECT_TO_HOST;
    }
    if (n == 0) {
        esp_tls_internal_event_tracker_capture(errors, ESP_TLS_ERR_TYPE_SYSTEM, ETIMEDOUT);
        ESP_LOGE(TLS_TAG, "[sock=%d] select() timeout", fd);
        return ESP_ERR_ESP_TLS_CONNECTION_TIMEOUT;
    }
    return connect_result(fd, errors);
}

esp_err_t esp_tls_plain_tcp_connect(const char *host, int hostlen, int port, const esp_tls_cfg_t *cfg,
                                    esp_tls_error_handle_t error_handle, int *sockfd)
{
    if (sockfd == NULL || error_handle == NULL || host == NULL || hostlen < 0 || port <= 0 || port > 65535) {
        return ESP_ERR_INVALID_ARG;
    }
    struct sockaddr_in address;
    esp_err_t err = look_up(host, (size_t)hostlen, port, &address);
    if (err != ESP_OK) {
        esp_tls_internal_event_tracker_capture(error_handle, ESP_TLS_ERR_TYPE_SYSTEM, EHOSTUNREACH);
        return err;
    }
    int fd = lwip_socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    if (fd < 0) {
        esp_tls_internal_event_tracker_capture(error_handle, ESP_TLS_ERR_TYPE_SYSTEM, errno);
        ESP_LOGE(TLS_TAG, "Failed to create socket: %s", strerror(errno));
        return ESP_ERR_ESP_TLS_CANNOT_CREATE_SOCKET;
    }
    err = set_options(fd, cfg);
    if (err == ESP_OK) {
        err = set_blocking(fd, false);
    }
    if (err == ESP_OK) {
        err = connect_within(fd, &address, cfg, error_handle);
    }
    if (err == ESP_OK && (cfg == NULL || !cfg->non_block)) {
        err = set_blocking(fd, true);
    }
    if (err != ESP_OK) {
        lwip_close(fd);
        return err;
    }
    *sockfd = fd;
    return ESP_OK;
}

/* ---- TLS -------------------------------------------------------------------------------------------------------- */

static int fail(esp_tls_t *tls, esp_err_t err)
{
    esp_tls_internal_event_tracker_capture(tls->error_handle, ESP_TLS_ERR_TYPE_ESP, err);
    tls->conn_state = ESP_TLS_FAIL;
    return -1;
}

/* With non_block: 1 connected, 0 not yet, -1 failed. */
static int await_connection(const esp_tls_cfg_t *cfg, esp_tls_t *tls)
{
    fd_set ready;
    FD_ZERO(&ready);
    FD_SET(tls->sockfd, &ready);
    struct timeval limit = timeval_from_ms(cfg->timeout_ms);
    if (lwip_select(tls->sockfd + 1, NULL, &ready, NULL, cfg->timeout_ms > 0 ? &limit : NULL) == 0) {
        return 0;
    }
    esp_err_t err = connect_result(tls->sockfd, tls->error_handle);
    return err == ESP_OK ? 1 : fail(tls, err);
}

static int shake_hands(const esp_tls_cfg_t *cfg, esp_tls_t *tls)
{
    int ret = mbedtls_ssl_handshake(&tls->ssl);
    if (ret == 0) {
        tls->conn_state = ESP_TLS_DONE;
        return 1;
    }
    if (ret == MBEDTLS_ERR_SSL_WANT_READ || ret == MBEDTLS_ERR_SSL_WANT_WRITE) {
        return 0;
    }
    tls_errors_mbedtls(tls, "mbedtls_ssl_handshake", ret);
    if (cfg->cacert_buf != NULL || cfg->use_global_ca_store) {
        tls_verify_explain(tls);
    }
    return fail(tls, ESP_ERR_MBEDTLS_SSL_HANDSHAKE_FAILED);
}

/* One step further: 1 connected, 0 come again, -1 failed. */
static int advance(const char *hostname, int hostlen, int port, const esp_tls_cfg_t *cfg, esp_tls_t *tls)
{
    if (tls->conn_state == ESP_TLS_INIT) {
        esp_err_t err = esp_tls_plain_tcp_connect(hostname, hostlen, port, cfg, tls->error_handle, &tls->sockfd);
        if (err != ESP_OK) {
            esp_tls_internal_event_tracker_capture(tls->error_handle, ESP_TLS_ERR_TYPE_ESP, err);
            return -1;
        }
        if (cfg->is_plain_tcp) {
            return 1;
        }
        tls->conn_state = ESP_TLS_CONNECTING;
    }
    if (tls->conn_state == ESP_TLS_CONNECTING) {
        int connected = cfg->non_block ? await_connection(cfg, tls) : 1;
        if (connected <= 0) {
            return connected;
        }
        const struct tls_client_config config = {.hostname = hostname, .hostlen = (size_t)hostlen, .cfg = cfg};
        esp_err_t err = tls_session_setup(tls, tls_configure_client, &config);
        if (err != ESP_OK) {
            ESP_LOGE(TLS_TAG, "create_ssl_handle failed");
            return fail(tls, err);
        }
        tls->conn_state = ESP_TLS_HANDSHAKE;
    }
    if (tls->conn_state == ESP_TLS_HANDSHAKE) {
        return shake_hands(cfg, tls);
    }
    ESP_LOGE(TLS_TAG, "failed to open a new connection");
    return -1;
}

int esp_tls_conn_new_sync(const char *hostname, int hostlen, int port, const esp_tls_cfg_t *cfg, esp_tls_t *tls)
{
    if (cfg == NULL || tls == NULL || hostname == NULL || hostlen < 0) {
        return -1;
    }
    const int64_t start_us = esp_timer_get_time();
    for (;;) {
        int ret = advance(hostname, hostlen, port, cfg, tls);
        if (ret < 0) {
            ESP_LOGE(TLS_TAG, "Failed to open new connection");
        }
        if (ret != 0) {
            return ret;
        }
        /* Looked at only between steps, which a trickling server makes many of; so does ESP-IDF. */
        if (cfg->timeout_ms >= 0 && (esp_timer_get_time() - start_us) / 1000 >= cfg->timeout_ms) {
            ESP_LOGW(TLS_TAG, "Failed to open new connection in specified timeout");
            esp_tls_internal_event_tracker_capture(tls->error_handle, ESP_TLS_ERR_TYPE_ESP,
                                                   ESP_ERR_ESP_TLS_CONNECTION_TIMEOUT);
            return 0;
        }
    }
}

int esp_tls_conn_new_async(const char *hostname, int hostlen, int port, const esp_tls_cfg_t *cfg, esp_tls_t *tls)
{
    if (cfg == NULL || tls == NULL || hostname == NULL || hostlen < 0) {
        return -1;
    }
    return advance(hostname, hostlen, port, cfg, tls);
}

/* ---- By URL ----------------------------------------------------------------------------------------------------- */

typedef int (*connect_fn)(const char *hostname, int hostlen, int port, const esp_tls_cfg_t *cfg, esp_tls_t *tls);

static int connect_to_url(const char *url, const esp_tls_cfg_t *cfg, esp_tls_t *tls, connect_fn connect)
{
    struct http_parser_url parts;
    http_parser_url_init(&parts);
    if (url == NULL || http_parser_parse_url(url, strlen(url), 0, &parts) != 0) {
        return -1;
    }
    const bool is_http = parts.field_data[UF_SCHEMA].len == 4 && strncasecmp(url, "http", 4) == 0;
    const int port = parts.port != 0 ? parts.port : is_http ? 80 : 443;
    return connect(url + parts.field_data[UF_HOST].off, parts.field_data[UF_HOST].len, port, cfg, tls);
}

int esp_tls_conn_http_new_sync(const char *url, const esp_tls_cfg_t *cfg, esp_tls_t *tls)
{
    return connect_to_url(url, cfg, tls, esp_tls_conn_new_sync);
}

int esp_tls_conn_http_new_async(const char *url, const esp_tls_cfg_t *cfg, esp_tls_t *tls)
{
    return connect_to_url(url, cfg, tls, esp_tls_conn_new_async);
}
