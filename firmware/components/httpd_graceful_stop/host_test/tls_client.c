/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * See tls_client.h.
 */
#include "tls_client.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "board_test.h"
#include "esp_timer.h"
#include "freertos/task.h"

tls_client_t *tls_client_connect(uint16_t port, const unsigned char *ca, size_t ca_size, const char *request)
{
    static const char host[] = "127.0.0.1";
    const esp_tls_cfg_t cfg = {
        .cacert_buf = ca, .cacert_bytes = (unsigned)ca_size, .common_name = "board", .timeout_ms = 5000};
    tls_client_t *client = calloc(1, sizeof(*client));
    client->ended = xSemaphoreCreateBinary();
    client->tls = esp_tls_init();
    TEST_EQ(1, esp_tls_conn_new_sync(host, (int)strlen(host), port, &cfg, client->tls));
    TEST_EQ(ESP_OK, esp_tls_get_conn_sockfd(client->tls, &client->fd));
    tls_client_send(client, request, strlen(request));
    return client;
}

void tls_client_send(tls_client_t *client, const char *bytes, size_t len)
{
    if (len > 0) {
        TEST_EQ(len, esp_tls_conn_write(client->tls, bytes, len));
    }
}

static void keep(tls_client_t *client, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        memmove(client->tail, client->tail + 1, TLS_CLIENT_TAIL - 1);
        client->tail[TLS_CLIENT_TAIL - 1] = bytes[i];
    }
    atomic_fetch_add(&client->received, len);
}

static void reading_task(void *arg)
{
    tls_client_t *client = arg;
    char bytes[512];
    ssize_t n;
    while ((n = esp_tls_conn_read(client->tls, bytes, sizeof(bytes))) > 0 || n == ESP_TLS_ERR_SSL_WANT_READ) {
        if (n > 0) {
            keep(client, bytes, (size_t)n);
        }
    }
    atomic_store(&client->last, (int)n);
    xSemaphoreGive(client->ended);
    vTaskDelete(NULL);
}

void tls_client_read(tls_client_t *client)
{
    client->reading = true;
    TEST_TRUE(xTaskCreate(reading_task, "tls_client", 6144, client, 5, NULL) == pdPASS);
}

bool tls_client_wait_received(tls_client_t *client, size_t bytes, uint32_t timeout_ms)
{
    int64_t deadline_us = esp_timer_get_time() + (int64_t)timeout_ms * 1000;
    while (atomic_load(&client->received) < bytes) {
        if (esp_timer_get_time() > deadline_us) {
            return false;
        }
        vTaskDelay(1);
    }
    return true;
}

bool tls_client_wait_end(tls_client_t *client, uint32_t timeout_ms)
{
    if (!client->reading) {
        tls_client_read(client);
    }
    bool ended = xSemaphoreTake(client->ended, pdMS_TO_TICKS(timeout_ms)) == pdTRUE;
    if (ended) {
        xSemaphoreGive(client->ended);
    }
    return ended;
}

void tls_client_close(tls_client_t *client)
{
    if (client->reading) {
        shutdown(client->fd, SHUT_RDWR);
        xSemaphoreTake(client->ended, portMAX_DELAY);
    }
    esp_tls_conn_destroy(client->tls);
    vSemaphoreDelete(client->ended);
    free(client);
}
