/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What other tasks ask of the client: publish, enqueue, subscribe, unsubscribe. They send in the caller's task,
 * under the client's lock, and so may block for as long as the network timeout.
 */
#include <string.h>
#include "esp_log.h"
#include "mqtt_client_private.h"

#define TOPICS_MAX 16 /* in one SUBSCRIBE */

static uint16_t new_msg_id(esp_mqtt_client_handle_t client)
{
    do {
        client->last_msg_id++;
    } while (client->last_msg_id == 0 || mqtt_outbox_has_id(&client->outbox, client->last_msg_id));
    return client->last_msg_id;
}

static size_t payload_len(const char *data, int len)
{
    return data == NULL ? 0 : len > 0 ? (size_t)len : strlen(data);
}

static struct mqtt_outbox_item *store(esp_mqtt_client_handle_t client, enum mqtt_packet_type type, size_t head_len,
                                      const char *payload, size_t len, int qos, uint16_t msg_id)
{
    struct mqtt_outbox_item *item = mqtt_outbox_add(&client->outbox, client->out, head_len, payload, len);
    if (item == NULL) {
        ESP_LOGE(MQTT_TAG, "no memory for a message of %u bytes in the outbox", (unsigned)(head_len + len));
        return NULL;
    }
    item->type = type;
    item->qos = qos;
    item->msg_id = msg_id;
    item->since_ms = mqtt_now_ms();
    return item;
}

static bool outbox_full(esp_mqtt_client_handle_t client, size_t len)
{
    return client->settings.outbox_limit > 0 && client->outbox.bytes + len > client->settings.outbox_limit;
}

/* The head is in client->out. Small messages go out in one piece, so that they fill one segment. */
static esp_err_t write_publish(esp_mqtt_client_handle_t client, size_t head_len, const char *data, size_t len)
{
    if (len <= client->settings.out_size - head_len) {
        if (len > 0) {
            memcpy(client->out + head_len, data, len);
        }
        return mqtt_write(client, client->out, head_len + len);
    }
    esp_err_t err = mqtt_write(client, client->out, head_len);
    return err == ESP_OK ? mqtt_write(client, data, len) : err;
}

static size_t encode_head(esp_mqtt_client_handle_t client, const char *topic, size_t len, int qos, int retain,
                          uint16_t msg_id)
{
    size_t head_len =
        mqtt_encode_publish_head(client->out, client->settings.out_size, topic, len, qos, retain != 0, msg_id);
    if (head_len == 0) {
        ESP_LOGE(MQTT_TAG, "Publish message cannot be created");
    }
    return head_len;
}

static int publish_locked(esp_mqtt_client_handle_t client, const char *topic, const char *data, size_t len, int qos,
                          int retain)
{
    if (qos > 0 && outbox_full(client, len)) {
        return -2;
    }
    const bool connected = client->state == MQTT_STATE_CONNECTED;
    if (qos == 0 && !connected) {
        ESP_LOGW(MQTT_TAG, "Publish: Losing qos0 data when client not connected");
        return -1;
    }
    const uint16_t msg_id = qos > 0 ? new_msg_id(client) : 0;
    const size_t head_len = encode_head(client, topic, len, qos, retain, msg_id);
    struct mqtt_outbox_item *item = NULL;
    if (head_len == 0 || (qos > 0 && (item = store(client, MQTT_PUBLISH, head_len, data, len, qos, msg_id)) == NULL)) {
        return -1;
    }
    if (!connected) {
        mqtt_expire_outbox(client);
        return msg_id;
    }
    if (write_publish(client, head_len, data, len) != ESP_OK) {
        mqtt_abort_connection(client);
        return -1;
    }
    if (item != NULL) {
        item->state = MQTT_OUTBOX_TRANSMITTED;
        item->since_ms = mqtt_now_ms();
    }
    return msg_id;
}

static bool publish_args_valid(esp_mqtt_client_handle_t client, const char *topic, int qos)
{
    if (client == NULL || topic == NULL || topic[0] == '\0' || qos < 0 || qos > 2) {
        ESP_LOGE(MQTT_TAG, "Publish: no client, no topic, or QoS %d", qos);
        return false;
    }
    return true;
}

int esp_mqtt_client_publish(esp_mqtt_client_handle_t client, const char *topic, const char *data, int len, int qos,
                            int retain)
{
    if (!publish_args_valid(client, topic, qos)) {
        return -1;
    }
    mqtt_lock(client);
    int ret = publish_locked(client, topic, data, payload_len(data, len), qos, retain);
    mqtt_unlock(client);
    return ret;
}

int esp_mqtt_client_enqueue(esp_mqtt_client_handle_t client, const char *topic, const char *data, int len, int qos,
                            int retain, bool store_qos0)
{
    if (!publish_args_valid(client, topic, qos) || (qos == 0 && !store_qos0)) {
        return -1;
    }
    const size_t payload = payload_len(data, len);
    mqtt_lock(client);
    int ret = -2;
    if (!outbox_full(client, payload)) {
        const uint16_t msg_id = qos > 0 ? new_msg_id(client) : 0;
        const size_t head_len = encode_head(client, topic, payload, qos, retain, msg_id);
        bool stored = head_len > 0 && store(client, MQTT_PUBLISH, head_len, data, payload, qos, msg_id) != NULL;
        ret = stored ? msg_id : -1;
    }
    mqtt_unlock(client);
    return ret;
}

/* A SUBSCRIBE or UNSUBSCRIBE of head_len bytes is in client->out. */
static int send_request(esp_mqtt_client_handle_t client, enum mqtt_packet_type type, size_t head_len, uint16_t msg_id)
{
    if (head_len == 0) {
        ESP_LOGE(MQTT_TAG, "the message does not fit into the buffer of %u bytes", (unsigned)client->settings.out_size);
        return -1;
    }
    struct mqtt_outbox_item *item = store(client, type, head_len, NULL, 0, 0, msg_id);
    if (item == NULL) {
        return -1;
    }
    item->state = MQTT_OUTBOX_TRANSMITTED;
    if (mqtt_write(client, client->out, head_len) != ESP_OK) {
        mqtt_abort_connection(client);
        return -1;
    }
    return msg_id;
}

int esp_mqtt_client_subscribe_multiple(esp_mqtt_client_handle_t client, const esp_mqtt_topic_t *topic_list, int size)
{
    const char *filters[TOPICS_MAX];
    int qos[TOPICS_MAX];
    if (client == NULL || topic_list == NULL || size <= 0 || size > TOPICS_MAX) {
        return -1;
    }
    for (int i = 0; i < size; i++) {
        if (topic_list[i].filter == NULL || topic_list[i].qos < 0 || topic_list[i].qos > 2) {
            return -1;
        }
        filters[i] = topic_list[i].filter;
        qos[i] = topic_list[i].qos;
    }
    int ret = -1;
    mqtt_lock(client);
    if (client->state == MQTT_STATE_CONNECTED) {
        const uint16_t msg_id = new_msg_id(client);
        size_t len = mqtt_encode_subscribe(client->out, client->settings.out_size, filters, qos, (size_t)size, msg_id);
        ret = send_request(client, MQTT_SUBSCRIBE, len, msg_id);
    } else {
        ESP_LOGE(MQTT_TAG, "Client has not connected");
    }
    mqtt_unlock(client);
    return ret;
}

int esp_mqtt_client_subscribe_single(esp_mqtt_client_handle_t client, const char *topic, int qos)
{
    const esp_mqtt_topic_t one = {.filter = topic, .qos = qos};
    return esp_mqtt_client_subscribe_multiple(client, &one, 1);
}

int esp_mqtt_client_unsubscribe(esp_mqtt_client_handle_t client, const char *topic)
{
    if (client == NULL || topic == NULL) {
        return -1;
    }
    int ret = -1;
    mqtt_lock(client);
    if (client->state == MQTT_STATE_CONNECTED) {
        const uint16_t msg_id = new_msg_id(client);
        size_t len = mqtt_encode_unsubscribe(client->out, client->settings.out_size, topic, msg_id);
        ret = send_request(client, MQTT_UNSUBSCRIBE, len, msg_id);
    } else {
        ESP_LOGE(MQTT_TAG, "Client has not connected");
    }
    mqtt_unlock(client);
    return ret;
}
