/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The client's task: connect, receive, send what the outbox holds, keep alive, wait and connect again.
 */
#include "esp_log.h"
#include "esp_timer.h"
#include "mqtt_client_private.h"

int64_t mqtt_now_ms(void)
{
    return esp_timer_get_time() / 1000;
}

void mqtt_expire_outbox(esp_mqtt_client_handle_t client)
{
    int msg_id;
    while ((msg_id = mqtt_outbox_expire_one(&client->outbox, mqtt_now_ms(), MQTT_OUTBOX_EXPIRY_MS)) >= 0) {
#ifdef CONFIG_MQTT_REPORT_DELETED_MESSAGES
        mqtt_dispatch_id(client, MQTT_EVENT_DELETED, msg_id);
#endif
    }
}

static void run_user_events(esp_mqtt_client_handle_t client)
{
    esp_mqtt_event_t event;
    while (xQueueReceive(client->user_events, &event, 0) == pdTRUE) {
        event.event_id = MQTT_USER_EVENT;
        mqtt_dispatch(client, &event);
    }
}

static esp_err_t send_item(esp_mqtt_client_handle_t client, struct mqtt_outbox_item *item)
{
    if (mqtt_write(client, item->packet, item->len) != ESP_OK) {
        ESP_LOGE(MQTT_TAG, "Error to resend data");
        return ESP_FAIL;
    }
    if (item->state == MQTT_OUTBOX_QUEUED) {
        item->state = MQTT_OUTBOX_TRANSMITTED;
        item->since_ms = mqtt_now_ms();
    }
    if (item->qos == 0 && item->type == MQTT_PUBLISH) {
        mqtt_outbox_remove(&client->outbox, item); /* nobody will acknowledge it */
    }
    return ESP_OK;
}

/* One item a round, so that receiving is never starved: what was never sent first, then what was not answered. */
static esp_err_t send_outbox(esp_mqtt_client_handle_t client)
{
    struct mqtt_outbox_item *item = mqtt_outbox_first(&client->outbox, MQTT_OUTBOX_QUEUED);
    if (item != NULL) {
        return send_item(client, item);
    }
    const int64_t now_ms = mqtt_now_ms();
    if (now_ms - client->retransmit_since_ms < client->settings.retransmit_ms) {
        return ESP_OK;
    }
    client->retransmit_since_ms = now_ms;
    item = mqtt_outbox_first(&client->outbox, MQTT_OUTBOX_TRANSMITTED);
    if (item == NULL || now_ms - item->since_ms <= client->settings.retransmit_ms) {
        return ESP_OK;
    }
    if (item->type == MQTT_PUBLISH) {
        mqtt_set_dup(item->packet);
    }
    return send_item(client, item);
}

static esp_err_t keep_alive(esp_mqtt_client_handle_t client)
{
    const int64_t keepalive_ms = client->settings.keepalive_s * INT64_C(1000);
    const int64_t silent_ms = mqtt_now_ms() - client->keepalive_since_ms;
    if (keepalive_ms == 0) {
        return ESP_OK;
    }
    if (client->ping_unanswered) {
        if (silent_ms < keepalive_ms) {
            return ESP_OK;
        }
        ESP_LOGE(MQTT_TAG, "No PING_RESP, disconnected");
        return ESP_FAIL;
    }
    if (silent_ms < keepalive_ms / 2) {
        return ESP_OK;
    }
    if (mqtt_write_bare(client, MQTT_PINGREQ) != ESP_OK) {
        ESP_LOGE(MQTT_TAG, "Can't send ping, disconnected");
        return ESP_FAIL;
    }
    client->ping_unanswered = true;
    return ESP_OK;
}

static void start_connection(esp_mqtt_client_handle_t client)
{
    xEventGroupClearBits(client->bits, MQTT_BIT_RECONNECT | MQTT_BIT_DISCONNECT);
    mqtt_dispatch_id(client, MQTT_EVENT_BEFORE_CONNECT, 0);
    mqtt_connect(client);
}

static void run_connection(esp_mqtt_client_handle_t client)
{
    if ((xEventGroupClearBits(client->bits, MQTT_BIT_DISCONNECT) & MQTT_BIT_DISCONNECT) != 0) {
        mqtt_write_bare(client, MQTT_DISCONNECT); /* a courtesy: the connection ends whether it arrives or not */
        mqtt_abort_connection(client);
        return;
    }
    /* A handler's own publish may already have given the connection up. */
    if (mqtt_process_receive(client) != ESP_OK) {
        if (client->state == MQTT_STATE_CONNECTED) {
            mqtt_abort_connection(client);
        }
        return;
    }
    if (client->state != MQTT_STATE_CONNECTED) {
        return;
    }
    if (send_outbox(client) != ESP_OK || keep_alive(client) != ESP_OK) {
        mqtt_abort_connection(client);
        return;
    }
    const int refresh_ms = client->settings.refresh_ms;
    if (refresh_ms > 0 && mqtt_now_ms() - client->refresh_since_ms >= refresh_ms) {
        mqtt_abort_connection(client);
        client->state = MQTT_STATE_INIT;
    }
}

/* How long to wait for the reconnect bit, milliseconds. */
static int wait_reconnect(esp_mqtt_client_handle_t client)
{
    if (client->settings.auto_reconnect) {
        const int64_t left_ms = client->reconnect_since_ms + client->wait_ms - mqtt_now_ms();
        if (left_ms <= 0) {
            client->state = MQTT_STATE_INIT;
            return 0;
        }
        return (int)left_ms;
    }
    if ((xEventGroupClearBits(client->bits, MQTT_BIT_RECONNECT) & MQTT_BIT_RECONNECT) != 0) {
        client->state = MQTT_STATE_INIT;
        return 0;
    }
    return client->wait_ms > 0 ? client->wait_ms : MQTT_DEFAULT_RECONNECT_MS;
}

/* Outside the lock: other tasks may publish meanwhile. */
static void poll_connection(esp_mqtt_client_handle_t client, int timeout_ms)
{
    if (esp_transport_poll_read(client->transport, timeout_ms) >= 0) {
        return;
    }
    mqtt_lock(client);
    if (client->state == MQTT_STATE_CONNECTED) {
        ESP_LOGE(MQTT_TAG, "Poll read error, aborting connection");
        mqtt_dispatch_transport_error(client);
        mqtt_abort_connection(client);
    }
    mqtt_unlock(client);
}

void mqtt_task(void *arg)
{
    esp_mqtt_client_handle_t client = arg;
    while (client->run) {
        int wait_ms = 0, poll_ms = 0;
        mqtt_lock(client);
        run_user_events(client);
        mqtt_expire_outbox(client);
        switch (client->state) {
        case MQTT_STATE_INIT:
            start_connection(client);
            break;
        case MQTT_STATE_CONNECTED:
            run_connection(client);
            poll_ms = mqtt_outbox_first(&client->outbox, MQTT_OUTBOX_QUEUED) != NULL ? 0 : MQTT_POLL_READ_MS;
            break;
        case MQTT_STATE_WAIT_RECONNECT:
            wait_ms = wait_reconnect(client);
            break;
        default:
            break;
        }
        mqtt_unlock(client);
        if (client->state == MQTT_STATE_CONNECTED) {
            poll_connection(client, poll_ms);
        } else if (wait_ms > 0) {
            xEventGroupWaitBits(client->bits, MQTT_BIT_RECONNECT, pdFALSE, pdTRUE, pdMS_TO_TICKS(wait_ms) + 1);
        }
    }
    mqtt_lock(client);
    esp_transport_close(client->transport);
    mqtt_outbox_clear(&client->outbox);
    client->in_len = 0;
    client->task = NULL;
    mqtt_unlock(client);
    xEventGroupSetBits(client->bits, MQTT_BIT_STOPPED); /* from here on the client may be destroyed */
    vTaskDelete(NULL);
}
