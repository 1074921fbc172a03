/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * One TCP connection through lwIP's sockets, every call bounded by a timeout.
 *
 * As in ESP-IDF, reads and writes first wait in select() and then call a blocking recv() or send(); the latter is
 * bounded by SO_SNDTIMEO, so a peer that stops reading cannot hold a client longer than its network timeout.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <netdb.h>
#include "lwip/sockets.h"
#include "lwip/netdb.h"
#include "esp_log.h"
#include "esp_transport_tcp.h"
#include "transport_private.h"

#define NO_SOCKET (-1)

static const char *TAG = "transport_base";

struct tcp_connection {
    _Atomic int fd; /* another task may close the connection while this one waits in select() */
    esp_transport_keep_alive_t keep_alive;
};

static struct timeval *timeval_from_ms(int timeout_ms, struct timeval *tv)
{
    if (timeout_ms < 0) {
        return NULL;
    }
    tv->tv_sec = timeout_ms / 1000;
    tv->tv_usec = timeout_ms % 1000 * 1000;
    return tv;
}

static int pending_error(int fd)
{
    int err = 0;
    socklen_t len = sizeof(err);
    return lwip_getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) == 0 ? err : errno;
}

/* 1: ready, 0: timeout, -1: the socket reports an error, which is kept for esp_transport_get_errno(). */
static int wait_ready(esp_transport_handle_t t, bool for_write, int timeout_ms)
{
    struct tcp_connection *tcp = t->context;
    int fd = tcp->fd;
    if (fd < 0) {
        t->sock_errno = ENOTCONN;
        return -1;
    }
    fd_set ready, failed;
    FD_ZERO(&ready);
    FD_ZERO(&failed);
    FD_SET(fd, &ready);
    FD_SET(fd, &failed);
    struct timeval tv;
    int n = lwip_select(fd + 1, for_write ? NULL : &ready, for_write ? &ready : NULL, &failed,
                        timeval_from_ms(timeout_ms, &tv));
    if (n < 0) {
        t->sock_errno = errno;
        return -1;
    }
    /* Data that arrived before the error must still be read. */
    if (n == 1 && FD_ISSET(fd, &failed)) {
        t->sock_errno = pending_error(fd);
        ESP_LOGE(TAG, "%s: error on fd %d: %s", for_write ? "poll_write" : "poll_read", fd, strerror(t->sock_errno));
        return -1;
    }
    return n > 0 ? 1 : 0;
}

static int tcp_poll_read(esp_transport_handle_t t, int timeout_ms)
{
    return wait_ready(t, false, timeout_ms);
}

static int tcp_poll_write(esp_transport_handle_t t, int timeout_ms)
{
    return wait_ready(t, true, timeout_ms);
}

static esp_err_t lookup(const char *host, int port, struct sockaddr_in *address)
{
    memset(address, 0, sizeof(*address));
    address->sin_family = AF_INET;
    address->sin_port = lwip_htons((uint16_t)port);
    ip4_addr_t numeric;
    if (ip4addr_aton(host, &numeric)) {
        inet_addr_from_ip4addr(&address->sin_addr, &numeric);
        return ESP_OK;
    }
#if LWIP_DNS
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (lwip_getaddrinfo(host, NULL, &hints, &found) == 0 && found != NULL) {
        address->sin_addr = ((struct sockaddr_in *)(void *)found->ai_addr)->sin_addr;
        lwip_freeaddrinfo(found);
        return ESP_OK;
    }
#endif
    return ESP_ERR_NOT_FOUND;
}

static void set_socket_options(int fd, const esp_transport_keep_alive_t *keep_alive, int timeout_ms)
{
    struct timeval tv;
    if (timeout_ms > 0 && timeval_from_ms(timeout_ms, &tv) != NULL) {
        lwip_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
        lwip_setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
    }
    if (keep_alive->keep_alive_enable) {
        const int on = 1;
        lwip_setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
        lwip_setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &keep_alive->keep_alive_idle, sizeof(int));
        lwip_setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &keep_alive->keep_alive_interval, sizeof(int));
        lwip_setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &keep_alive->keep_alive_count, sizeof(int));
    }
}

static int set_nonblocking(int fd, int on)
{
    return lwip_ioctl(fd, FIONBIO, &on);
}

/* 0, or the errno with which it failed. */
static int connect_within(int fd, const struct sockaddr_in *address, int timeout_ms)
{
    if (set_nonblocking(fd, 1) != 0) {
        return errno;
    }
    if (lwip_connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0) {
        if (errno != EINPROGRESS) {
            return errno;
        }
        fd_set writable;
        FD_ZERO(&writable);
        FD_SET(fd, &writable);
        struct timeval tv;
        int n = lwip_select(fd + 1, NULL, &writable, NULL, timeval_from_ms(timeout_ms, &tv));
        if (n <= 0) {
            return n == 0 ? ETIMEDOUT : errno;
        }
        int err = pending_error(fd);
        if (err != 0) {
            return err;
        }
    }
    return set_nonblocking(fd, 0) == 0 ? 0 : errno;
}

static int tcp_close(esp_transport_handle_t t)
{
    struct tcp_connection *tcp = t->context;
    int fd = atomic_exchange(&tcp->fd, NO_SOCKET);
    return fd >= 0 ? lwip_close(fd) : 0;
}

static int tcp_connect(esp_transport_handle_t t, const char *host, int port, int timeout_ms)
{
    struct tcp_connection *tcp = t->context;
    struct sockaddr_in address;
    if (host == NULL || port <= 0 || port > 65535) {
        ESP_LOGE(TAG, "cannot connect: no host, or port %d out of range", port);
        return -1;
    }
    tcp_close(t);
    if (lookup(host, port, &address) != ESP_OK) {
        ESP_LOGE(TAG, "couldn't get hostname for :%s:", host);
        t->sock_errno = EHOSTUNREACH;
        return -1;
    }
    int fd = lwip_socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    if (fd < 0) {
        t->sock_errno = errno;
        ESP_LOGE(TAG, "Failed to create socket: %s", strerror(t->sock_errno));
        return -1;
    }
    set_socket_options(fd, &tcp->keep_alive, timeout_ms);
    int err = connect_within(fd, &address, timeout_ms);
    if (err != 0) {
        ESP_LOGE(TAG, "[sock=%d] connect() to %s:%d: %s", fd, host, port, strerror(err));
        lwip_close(fd);
        t->sock_errno = err;
        return -1;
    }
    tcp->fd = fd;
    return 0;
}

static int tcp_read(esp_transport_handle_t t, char *buffer, int len, int timeout_ms)
{
    struct tcp_connection *tcp = t->context;
    int ready = tcp_poll_read(t, timeout_ms);
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
    ESP_LOGE(TAG, "tcp_read error, errno=%s", strerror(t->sock_errno));
    return ERR_TCP_TRANSPORT_CONNECTION_FAILED;
}

static int tcp_write(esp_transport_handle_t t, const char *buffer, int len, int timeout_ms)
{
    struct tcp_connection *tcp = t->context;
    int ready = tcp_poll_write(t, timeout_ms);
    if (ready <= 0) {
        ESP_LOGW(TAG, "Poll timeout or error, fd=%d, timeout_ms=%d", tcp->fd, timeout_ms);
        return ready;
    }
    int n = (int)lwip_send(tcp->fd, buffer, (size_t)len, 0);
    if (n < 0) {
        t->sock_errno = errno;
        ESP_LOGE(TAG, "tcp_write error, errno=%s", strerror(t->sock_errno));
    }
    return n;
}

static int tcp_get_socket(esp_transport_handle_t t)
{
    struct tcp_connection *tcp = t->context;
    return tcp->fd;
}

static int tcp_destroy(esp_transport_handle_t t)
{
    tcp_close(t);
    free(t->context);
    t->context = NULL;
    return 0;
}

esp_transport_handle_t esp_transport_tcp_init(void)
{
    esp_transport_handle_t t = esp_transport_init();
    struct tcp_connection *tcp = calloc(1, sizeof(*tcp));
    if (t == NULL || tcp == NULL) {
        free(tcp);
        free(t);
        return NULL;
    }
    tcp->fd = NO_SOCKET;
    t->context = tcp;
    t->get_socket = tcp_get_socket;
    esp_transport_set_func(t, tcp_connect, tcp_read, tcp_write, tcp_close, tcp_poll_read, tcp_poll_write, tcp_destroy);
    return t;
}

void esp_transport_tcp_set_keep_alive(esp_transport_handle_t t, esp_transport_keep_alive_t *keep_alive_cfg)
{
    if (t != NULL && t->context != NULL && keep_alive_cfg != NULL) {
        ((struct tcp_connection *)t->context)->keep_alive = *keep_alive_cfg;
    }
}
