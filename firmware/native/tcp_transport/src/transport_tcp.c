/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The transport that is a bare TCP connection through lwIP's sockets, every call bounded by a timeout.
 */
#include <errno.h>
#include <string.h>
#include "lwip/sockets.h"
#include "esp_log.h"
#include "esp_transport_tcp.h"
#include "transport_connection.h"

static int tcp_connect(esp_transport_handle_t t, const char *host, int port, int timeout_ms)
{
    struct transport_connection *tcp = t->context;
    if (host == NULL) {
        return -1;
    }
    transport_connection_close(t);
    tcp->cfg.timeout_ms = timeout_ms;
    int fd = TRANSPORT_NO_SOCKET;
    esp_err_t err = esp_tls_plain_tcp_connect(host, (int)strlen(host), port, &tcp->cfg, t->errors, &fd);
    if (err != ESP_OK) {
        ESP_LOGE(TRANSPORT_TAG, "Failed to open a new connection: %d", err);
        int sock_errno = 0;
        esp_tls_get_and_clear_error_type(t->errors, ESP_TLS_ERR_TYPE_SYSTEM, &sock_errno);
        t->sock_errno = sock_errno;
        esp_tls_internal_event_tracker_capture(t->errors, ESP_TLS_ERR_TYPE_ESP, err);
        return -1;
    }
    tcp->fd = fd;
    return 0;
}

static int tcp_read(esp_transport_handle_t t, char *buffer, int len, int timeout_ms)
{
    struct transport_connection *tcp = t->context;
    int ready = transport_connection_poll_read(t, timeout_ms);
    if (ready <= 0) {
        return ready == 0 ? ERR_TCP_TRANSPORT_CONNECTION_TIMEOUT : ERR_TCP_TRANSPORT_CONNECTION_FAILED;
    }
    int n = (int)lwip_recv(tcp->fd, buffer, (size_t)len, 0);
    if (n > 0) {
        return n;
    }
    if (n == 0) {
        return ERR_TCP_TRANSPORT_CONNECTION_CLOSED_BY_FIN;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return ERR_TCP_TRANSPORT_CONNECTION_TIMEOUT;
    }
    t->sock_errno = errno;
    ESP_LOGE(TRANSPORT_TAG, "tcp_read error, errno=%s", strerror(t->sock_errno));
    return ERR_TCP_TRANSPORT_CONNECTION_FAILED;
}

static int tcp_write(esp_transport_handle_t t, const char *buffer, int len, int timeout_ms)
{
    struct transport_connection *tcp = t->context;
    int ready = transport_connection_poll_write(t, timeout_ms);
    if (ready <= 0) {
        ESP_LOGW(TRANSPORT_TAG, "Poll timeout or error, fd=%d, timeout_ms=%d", tcp->fd, timeout_ms);
        return ready;
    }
    int n = (int)lwip_send(tcp->fd, buffer, (size_t)len, 0);
    if (n < 0) {
        t->sock_errno = errno;
        ESP_LOGE(TRANSPORT_TAG, "tcp_write error, errno=%s", strerror(t->sock_errno));
    }
    return n;
}

esp_transport_handle_t esp_transport_tcp_init(void)
{
    return transport_connection_init(tcp_connect, tcp_read, tcp_write);
}

void esp_transport_tcp_set_keep_alive(esp_transport_handle_t t, esp_transport_keep_alive_t *keep_alive_cfg)
{
    transport_connection_set_keep_alive(t, keep_alive_cfg);
}
