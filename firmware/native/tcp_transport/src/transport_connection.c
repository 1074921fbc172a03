/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Waiting for a socket, closing it, and the life of the transport around it.
 *
 * As in ESP-IDF, reads and writes first wait in select() and then make a blocking call; the latter is bounded by
 * SO_SNDTIMEO and SO_RCVTIMEO, so a peer that stops reading cannot hold a client longer than its network timeout.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "lwip/sockets.h"
#include "esp_log.h"
#include "transport_connection.h"

static int pending_error(int fd)
{
    int err = 0;
    socklen_t len = sizeof(err);
    return lwip_getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) == 0 ? err : errno;
}

/* 1: ready, 0: timeout, -1: the socket reports an error, which is kept for esp_transport_get_errno(). */
static int wait_ready(esp_transport_handle_t t, bool for_write, int timeout_ms)
{
    struct transport_connection *connection = t->context;
    int fd = connection->fd;
    if (fd < 0) {
        t->sock_errno = ENOTCONN;
        return -1;
    }
    fd_set ready, failed;
    FD_ZERO(&ready);
    FD_ZERO(&failed);
    FD_SET(fd, &ready);
    FD_SET(fd, &failed);
    struct timeval limit = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    int n = lwip_select(fd + 1, for_write ? NULL : &ready, for_write ? &ready : NULL, &failed,
                        timeout_ms < 0 ? NULL : &limit);
    if (n < 0) {
        t->sock_errno = errno;
        return -1;
    }
    /* Data that arrived before the error must still be read. */
    if (n == 1 && FD_ISSET(fd, &failed)) {
        t->sock_errno = pending_error(fd);
        ESP_LOGE(TRANSPORT_TAG, "%s: error on fd %d: %s", for_write ? "poll_write" : "poll_read", fd,
                 strerror(t->sock_errno));
        return -1;
    }
    return n > 0 ? 1 : 0;
}

static int decrypted_bytes(struct transport_connection *connection)
{
    xSemaphoreTake(connection->lock, portMAX_DELAY);
    int bytes = connection->tls != NULL ? (int)esp_tls_get_bytes_avail(connection->tls) : 0;
    xSemaphoreGive(connection->lock);
    return bytes;
}

int transport_connection_poll_read(esp_transport_handle_t t, int timeout_ms)
{
    int bytes = decrypted_bytes(t->context);
    return bytes > 0 ? bytes : wait_ready(t, false, timeout_ms);
}

int transport_connection_poll_write(esp_transport_handle_t t, int timeout_ms)
{
    return wait_ready(t, true, timeout_ms);
}

int transport_connection_close(esp_transport_handle_t t)
{
    struct transport_connection *connection = t->context;
    int fd = atomic_exchange(&connection->fd, TRANSPORT_NO_SOCKET);
    xSemaphoreTake(connection->lock, portMAX_DELAY);
    esp_tls_t *tls = connection->tls;
    connection->tls = NULL;
    xSemaphoreGive(connection->lock);
    if (tls != NULL) {
        return esp_tls_conn_destroy(tls);
    }
    return fd >= 0 ? lwip_close(fd) : 0;
}

static int get_socket(esp_transport_handle_t t)
{
    return ((struct transport_connection *)t->context)->fd;
}

static int destroy(esp_transport_handle_t t)
{
    struct transport_connection *connection = t->context;
    transport_connection_close(t);
    vSemaphoreDelete(connection->lock);
    free(connection);
    t->context = NULL;
    return 0;
}

void transport_connection_set_keep_alive(esp_transport_handle_t t, const esp_transport_keep_alive_t *keep_alive)
{
    if (t == NULL || t->context == NULL || keep_alive == NULL) {
        return;
    }
    struct transport_connection *connection = t->context;
    connection->keep_alive = (tls_keep_alive_cfg_t){
        .keep_alive_enable = keep_alive->keep_alive_enable,
        .keep_alive_idle = keep_alive->keep_alive_idle,
        .keep_alive_interval = keep_alive->keep_alive_interval,
        .keep_alive_count = keep_alive->keep_alive_count,
    };
    connection->cfg.keep_alive_cfg = &connection->keep_alive;
}

esp_transport_handle_t transport_connection_init(connect_func connect, io_read_func read, io_func write)
{
    esp_transport_handle_t t = esp_transport_init();
    struct transport_connection *connection = calloc(1, sizeof(*connection));
    if (connection != NULL) {
        connection->lock = xSemaphoreCreateMutex();
    }
    if (t == NULL || connection == NULL || connection->lock == NULL) {
        free(connection);
        esp_transport_destroy(t);
        return NULL;
    }
    connection->fd = TRANSPORT_NO_SOCKET;
    t->context = connection;
    t->get_socket = get_socket;
    esp_transport_set_func(t, connect, read, write, transport_connection_close, transport_connection_poll_read,
                           transport_connection_poll_write, destroy);
    return t;
}
