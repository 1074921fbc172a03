/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Opening, using and giving up the one connection to the broker. The client's lock is held throughout.
 */
#include "esp_log.h"
#include "mqtt_client_private.h"

esp_err_t mqtt_write(esp_mqtt_client_handle_t client, const void *bytes, size_t len)
{
    const char *next = bytes;
    while (len > 0) {
        int n = esp_transport_write(client->transport, next, (int)len, client->settings.network_ms);
        if (n < 0) {
            ESP_LOGE(MQTT_TAG, "Writing failed");
            mqtt_dispatch_transport_error(client);
            return ESP_FAIL;
        }
        if (n == 0) {
            ESP_LOGE(MQTT_TAG, "Writing didn't complete in specified timeout");
            return ESP_ERR_TIMEOUT;
        }
        next += n;
        len -= (size_t)n;
    }
    return ESP_OK;
}

esp_err_t mqtt_write_ack(esp_mqtt_client_handle_t client, enum mqtt_packet_type type, uint16_t msg_id)
{
    size_t len = mqtt_encode_ack(client->out, client->settings.out_size, type, msg_id);
    return mqtt_write(client, client->out, len);
}

esp_err_t mqtt_write_bare(esp_mqtt_client_handle_t client, enum mqtt_packet_type type)
{
    size_t len = mqtt_encode_bare(client->out, client->settings.out_size, type);
    return mqtt_write(client, client->out, len);
}

static esp_err_t write_connect(esp_mqtt_client_handle_t client)
{
    const struct mqtt_settings *s = &client->settings;
    const struct mqtt_connect connect = {
        .client_id = s->client_id,
        .username = s->username,
        .password = s->password,
        .will_topic = s->will_topic,
        .will_msg = s->will_msg,
        .will_len = s->will_len,
        .will_qos = s->will_qos,
        .will_retain = s->will_retain,
        .clean_session = s->clean_session,
        .keepalive_s = (uint16_t)(s->keepalive_s < UINT16_MAX ? s->keepalive_s : UINT16_MAX),
    };
    size_t len = mqtt_encode_connect(client->out, s->out_size, &connect);
    if (len == 0) {
        ESP_LOGE(MQTT_TAG, "Connect message cannot be created");
        return ESP_FAIL;
    }
    return mqtt_write(client, client->out, len);
}

static void log_refused(int code)
{
    static const char *const reasons[] = {
        [MQTT_CONNECTION_REFUSE_PROTOCOL] = "bad protocol",
        [MQTT_CONNECTION_REFUSE_ID_REJECTED] = "client id rejected",
        [MQTT_CONNECTION_REFUSE_SERVER_UNAVAILABLE] = "server unavailable",
        [MQTT_CONNECTION_REFUSE_BAD_USERNAME] = "bad username or password",
        [MQTT_CONNECTION_REFUSE_NOT_AUTHORIZED] = "not authorized",
    };
    const bool known = code >= MQTT_CONNECTION_REFUSE_PROTOCOL && code <= MQTT_CONNECTION_REFUSE_NOT_AUTHORIZED;
    ESP_LOGW(MQTT_TAG, "Connection refused, %s", known ? reasons[code] : "unknown reason");
}

/* The transport is connected; now MQTT. */
static esp_err_t shake_hands(esp_mqtt_client_handle_t client, bool *session_present)
{
    client->in_len = 0;
    if (write_connect(client) != ESP_OK) {
        return ESP_FAIL;
    }
    struct mqtt_header header;
    const int64_t since_ms = mqtt_now_ms();
    enum mqtt_received received;
    do {
        received = mqtt_receive(client, client->settings.network_ms, &header);
    } while ((received == MQTT_RECEIVED_NOTHING || received == MQTT_RECEIVED_PART) &&
             mqtt_now_ms() - since_ms < client->settings.network_ms);
    if (received != MQTT_RECEIVED_PACKET) {
        ESP_LOGE(MQTT_TAG, "No CONNACK from the broker");
        return ESP_FAIL;
    }
    int code = 0;
    bool valid = mqtt_decode_connack(client->in, &header, session_present, &code);
    client->in_len = 0;
    if (!valid) {
        ESP_LOGE(MQTT_TAG, "Invalid MSG_TYPE response: %d", header.type);
        mqtt_dispatch_transport_error(client);
        return ESP_FAIL;
    }
    if (code != MQTT_CONNECTION_ACCEPTED) {
        log_refused(code);
        mqtt_dispatch_refused(client, code);
        return ESP_FAIL;
    }
    return ESP_OK;
}

esp_err_t mqtt_connect(esp_mqtt_client_handle_t client)
{
    struct mqtt_settings *s = &client->settings;
    const int port = s->port != 0 ? s->port : esp_transport_get_default_port(client->transport);
    if (esp_transport_connect(client->transport, s->host, port, s->network_ms) < 0) {
        ESP_LOGE(MQTT_TAG, "Error transport connect");
        mqtt_dispatch_transport_error(client);
        mqtt_abort_connection(client);
        return ESP_FAIL;
    }
    bool session_present = false;
    if (shake_hands(client, &session_present) != ESP_OK) {
        ESP_LOGE(MQTT_TAG, "MQTT connect failed");
        mqtt_abort_connection(client);
        return ESP_FAIL;
    }
    client->ping_unanswered = false;
    client->keepalive_since_ms = client->refresh_since_ms = client->retransmit_since_ms = mqtt_now_ms();
    client->state = MQTT_STATE_CONNECTED;
    esp_mqtt_event_t event = {.event_id = MQTT_EVENT_CONNECTED, .session_present = session_present};
    mqtt_dispatch(client, &event);
    return ESP_OK;
}

void mqtt_abort_connection(esp_mqtt_client_handle_t client)
{
    esp_transport_close(client->transport);
    client->in_len = 0;
    client->ping_unanswered = false;
    client->wait_ms = client->settings.reconnect_ms;
    client->reconnect_since_ms = mqtt_now_ms();
    client->state = MQTT_STATE_WAIT_RECONNECT;
    mqtt_dispatch_id(client, MQTT_EVENT_DISCONNECTED, 0);
}
