/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the server's files need of the rest: its main loop, its control socket and lwIP's sockets are not in this.
 */
#include "freertos/FreeRTOS.h"
#include "freertos/event_groups.h"

#include "lwip/sockets.h"

#include "httpd_priv.h"

void httpd_post_event(esp_http_server_event_id_t id, const void *data, size_t size)
{
    (void)id;
    (void)data;
    (void)size;
}

esp_err_t httpd_queue_work(httpd_handle_t handle, httpd_work_fn_t work, void *arg)
{
    (void)handle;
    (void)work;
    (void)arg;
    return ESP_FAIL; /* there is no loop to come to it */
}

ssize_t lwip_recv(int fd, void *buf, size_t len, int flags)
{
    (void)fd;
    (void)buf;
    (void)len;
    (void)flags;
    return -1;
}

ssize_t lwip_send(int fd, const void *buf, size_t len, int flags)
{
    (void)fd;
    (void)buf;
    (void)len;
    (void)flags;
    return -1;
}

int lwip_setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
    (void)fd;
    (void)level;
    (void)option;
    (void)value;
    (void)len;
    return 0;
}

/* For httpd_ws_send_data(), which waits for the loop. */

EventGroupHandle_t xEventGroupCreate(void)
{
    return NULL;
}

EventBits_t xEventGroupWaitBits(EventGroupHandle_t group, EventBits_t bits, BaseType_t clear, BaseType_t all,
                                TickType_t ticks)
{
    (void)group;
    (void)clear;
    (void)all;
    (void)ticks;
    return bits;
}

EventBits_t xEventGroupSetBits(EventGroupHandle_t group, EventBits_t bits)
{
    (void)group;
    return bits;
}

void vEventGroupDelete(EventGroupHandle_t group)
{
    (void)group;
}
