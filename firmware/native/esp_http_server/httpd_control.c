/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The control socket: how any task reaches the server task while that waits in select().
 *
 * It is a UDP datagram to 127.0.0.1 through lwIP, so it goes the way of every datagram: when the receiving mailbox is
 * full (six on ESP-IDF) it is dropped and the sender is told that all is well. Nothing here makes up for that.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "esp_log.h"
#include "httpd_priv.h"

static const char *TAG = "httpd";

struct control_message {
    enum httpd_control kind;
    httpd_work_fn_t work;
    void *arg;
};

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
    };
    return address;
}

int httpd_control_open(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
    if (fd < 0) {
        return -1;
    }
    struct sockaddr_in address = loopback(port);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        int reason = errno;
        close(fd);
        errno = reason;
        return -1;
    }
    return fd;
}

esp_err_t httpd_control_send(int message_fd, uint16_t port, enum httpd_control kind, httpd_work_fn_t work, void *arg)
{
    struct control_message message = {.kind = kind, .work = work, .arg = arg};
    struct sockaddr_in address = loopback(port);
    ssize_t sent = sendto(message_fd, &message, sizeof(message), 0, (struct sockaddr *)&address, sizeof(address));
    return sent < 0 ? ESP_FAIL : ESP_OK;
}

void httpd_control_receive(struct httpd_server *server)
{
    struct control_message message;
    ssize_t received = recv(server->control_fd, &message, sizeof(message), 0);
    if (received <= 0) {
        ESP_LOGW(TAG, "httpd_process_ctrl_msg: error in recv (%d)", errno);
        return;
    }
    if (received != sizeof(message)) {
        ESP_LOGW(TAG, "httpd_process_ctrl_msg: incomplete msg");
        return;
    }
    switch (message.kind) {
    case HTTPD_CONTROL_WORK:
        if (message.work) {
            message.work(message.arg);
        }
        break;
    case HTTPD_CONTROL_SHUTDOWN:
        server->state = HTTPD_STOPPING;
        break;
    case HTTPD_CONTROL_WAKE:
        break;
    }
}

esp_err_t httpd_queue_work(httpd_handle_t handle, httpd_work_fn_t work, void *arg)
{
    if (handle == NULL || work == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    struct httpd_server *server = handle;
    if (httpd_control_send(server->message_fd, server->config.ctrl_port, HTTPD_CONTROL_WORK, work, arg) != ESP_OK) {
        ESP_LOGW(TAG, "httpd_queue_work: failed to queue work");
        return ESP_FAIL;
    }
    return ESP_OK;
}
