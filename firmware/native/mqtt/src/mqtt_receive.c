/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * From the socket to events. A packet is gathered in the client's one receive buffer; only a PUBLISH may be larger
 * than it, and then its payload is handed on in pieces as it comes.
 *
 * What breaks the protocol (malformed, too large, cut off) ends the connection with an error event: there is no
 * way to find the start of the next packet again.
 */
#include "esp_log.h"
#include "mqtt_client_private.h"

static esp_err_t protocol_error(esp_mqtt_client_handle_t client, const char *what)
{
    ESP_LOGE(MQTT_TAG, "received %s: closing the connection", what);
    mqtt_dispatch_transport_error(client);
    return ESP_FAIL;
}

/* How many bytes of the packet must be in the buffer for the next step; 0: the packet cannot be taken. */
static size_t bytes_wanted(esp_mqtt_client_handle_t client, struct mqtt_header *header)
{
    const size_t in_size = client->settings.in_size;
    switch (mqtt_decode_header(client->in, client->in_len, header)) {
    case MQTT_DECODE_MORE:
        return client->in_len + 1;
    case MQTT_DECODE_MALFORMED:
        protocol_error(client, "a message with an invalid header");
        return 0;
    case MQTT_DECODE_OK:
        break;
    }
    if (header->total_len <= in_size) {
        return header->total_len;
    }
    struct mqtt_publish publish = {0};
    if (header->type != MQTT_PUBLISH) {
        protocol_error(client, "a message that is too big for the buffer");
        return 0;
    }
    if (mqtt_decode_publish(client->in, client->in_len, header, &publish) == MQTT_DECODE_MALFORMED) {
        protocol_error(client, "a malformed PUBLISH");
        return 0;
    }
    if (publish.payload_offset == 0) {
        return header->header_len + 2; /* the length of the topic */
    }
    if (publish.payload_offset > in_size) {
        protocol_error(client, "a topic that is too big for the buffer");
        return 0;
    }
    return in_size;
}

enum mqtt_received mqtt_receive(esp_mqtt_client_handle_t client, int timeout_ms, struct mqtt_header *header)
{
    for (;;) {
        const size_t wanted = bytes_wanted(client, header);
        if (wanted == 0) {
            return MQTT_RECEIVED_ERROR;
        }
        if (client->in_len >= wanted) {
            return MQTT_RECEIVED_PACKET;
        }
        int n = esp_transport_read(client->transport, (char *)client->in + client->in_len,
                                   (int)(wanted - client->in_len), timeout_ms);
        if (n == ERR_TCP_TRANSPORT_CONNECTION_TIMEOUT) {
            return client->in_len > 0 ? MQTT_RECEIVED_PART : MQTT_RECEIVED_NOTHING;
        }
        if (n < 0) {
            ESP_LOGE(MQTT_TAG, "transport_read(): %s",
                     n == ERR_TCP_TRANSPORT_CONNECTION_CLOSED_BY_FIN ? "EOF" : "error");
            mqtt_dispatch_transport_error(client);
            return MQTT_RECEIVED_ERROR;
        }
        client->in_len += (size_t)n;
    }
}

/* The rest of a message that is larger than the buffer. */
static esp_err_t deliver_rest(esp_mqtt_client_handle_t client, esp_mqtt_event_t event)
{
    int offset = event.data_len;
    while (offset < event.total_data_len) {
        const int left = event.total_data_len - offset;
        const int room = (int)client->settings.in_size;
        int n = esp_transport_read(client->transport, (char *)client->in, left < room ? left : room,
                                   client->settings.network_ms);
        if (n <= 0) {
            return protocol_error(client, "a message that was cut off");
        }
        event.topic = NULL;
        event.topic_len = 0;
        event.data = (char *)client->in;
        event.data_len = n;
        event.current_data_offset = offset;
        mqtt_dispatch(client, &event);
        offset += n;
    }
    return ESP_OK;
}

static esp_err_t deliver_publish(esp_mqtt_client_handle_t client, const struct mqtt_header *header)
{
    struct mqtt_publish publish;
    if (mqtt_decode_publish(client->in, client->in_len, header, &publish) != MQTT_DECODE_OK) {
        return protocol_error(client, "a malformed PUBLISH");
    }
    const size_t here = client->in_len - publish.payload_offset;
    esp_mqtt_event_t event = {
        .event_id = MQTT_EVENT_DATA,
        .topic = (char *)client->in + (header->header_len + 2),
        .topic_len = (int)publish.topic_len,
        .data = here > 0 ? (char *)client->in + publish.payload_offset : NULL,
        .data_len = (int)here,
        .total_data_len = (int)publish.payload_len,
        .msg_id = publish.msg_id,
        .qos = header->qos,
        .retain = header->retain,
        .dup = header->dup,
    };
    mqtt_dispatch(client, &event);
    if (deliver_rest(client, event) != ESP_OK) {
        return ESP_FAIL;
    }
    if (header->qos == 0 || client->state != MQTT_STATE_CONNECTED) {
        return ESP_OK; /* a handler's own publish may have lost the connection */
    }
    return mqtt_write_ack(client, header->qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, publish.msg_id);
}

static esp_err_t deliver_suback(esp_mqtt_client_handle_t client, const struct mqtt_header *header)
{
    uint16_t msg_id;
    const uint8_t *codes;
    size_t count;
    if (!mqtt_decode_suback(client->in, header, &msg_id, &codes, &count)) {
        return protocol_error(client, "a malformed SUBACK");
    }
    struct mqtt_outbox_item *item = mqtt_outbox_find(&client->outbox, MQTT_SUBSCRIBE, msg_id);
    if (item == NULL) {
        return ESP_OK;
    }
    mqtt_outbox_remove(&client->outbox, item);
    client->error = (esp_mqtt_error_codes_t){.error_type = MQTT_ERROR_TYPE_NONE};
    for (size_t i = 0; i < count; i++) {
        if (codes[i] == 0x80) {
            client->error.error_type = MQTT_ERROR_TYPE_SUBSCRIBE_FAILED;
        }
    }
    esp_mqtt_event_t event = {
        .event_id = MQTT_EVENT_SUBSCRIBED,
        .msg_id = msg_id,
        .data = (char *)client->in + (codes - client->in),
        .data_len = (int)count,
        .total_data_len = (int)count,
    };
    mqtt_dispatch(client, &event);
    return ESP_OK;
}

/* An answer that ends an exchange this client began; one to a message already given up is ignored. */
static void finish_exchange(esp_mqtt_client_handle_t client, enum mqtt_packet_type begun_by, uint16_t msg_id,
                            esp_mqtt_event_id_t event)
{
    struct mqtt_outbox_item *item = mqtt_outbox_find(&client->outbox, begun_by, msg_id);
    if (item != NULL) {
        mqtt_outbox_remove(&client->outbox, item);
        mqtt_dispatch_id(client, event, msg_id);
    }
}

static esp_err_t handle_ack(esp_mqtt_client_handle_t client, const struct mqtt_header *header)
{
    uint16_t msg_id;
    if (!mqtt_decode_ack(client->in, header, &msg_id)) {
        return protocol_error(client, "an answer to message 0");
    }
    switch (header->type) {
    case MQTT_PUBACK:
    case MQTT_PUBCOMP:
        finish_exchange(client, MQTT_PUBLISH, msg_id, MQTT_EVENT_PUBLISHED);
        return ESP_OK;
    case MQTT_UNSUBACK:
        finish_exchange(client, MQTT_UNSUBSCRIBE, msg_id, MQTT_EVENT_UNSUBSCRIBED);
        return ESP_OK;
    case MQTT_PUBREC: {
        struct mqtt_outbox_item *item = mqtt_outbox_find(&client->outbox, MQTT_PUBLISH, msg_id);
        if (item != NULL) {
            item->state = MQTT_OUTBOX_RELEASED;
        }
        return mqtt_write_ack(client, MQTT_PUBREL, msg_id);
    }
    default: /* MQTT_PUBREL */
        return mqtt_write_ack(client, MQTT_PUBCOMP, msg_id);
    }
}

static esp_err_t handle_packet(esp_mqtt_client_handle_t client, const struct mqtt_header *header)
{
    switch (header->type) {
    case MQTT_PUBLISH:
        return deliver_publish(client, header);
    case MQTT_SUBACK:
        return deliver_suback(client, header);
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
    case MQTT_UNSUBACK:
        return handle_ack(client, header);
    case MQTT_PINGRESP:
        client->ping_unanswered = false;
        client->keepalive_since_ms = mqtt_now_ms();
        return ESP_OK;
    default:
        return protocol_error(client, "a second CONNACK");
    }
}

esp_err_t mqtt_process_receive(esp_mqtt_client_handle_t client)
{
    const size_t before = client->in_len;
    struct mqtt_header header;
    esp_err_t err;
    switch (mqtt_receive(client, 0, &header)) {
    case MQTT_RECEIVED_NOTHING:
        return ESP_OK;
    case MQTT_RECEIVED_PART:
        if (client->in_len == before) { /* nothing for a whole MQTT_POLL_READ_MS */
            return protocol_error(client, "a message that was cut off");
        }
        return ESP_OK;
    case MQTT_RECEIVED_PACKET:
        err = handle_packet(client, &header);
        client->in_len = 0;
        return err;
    default:
        return ESP_FAIL;
    }
}
