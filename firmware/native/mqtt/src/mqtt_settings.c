/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * From the caller's configuration to the client's own copy of it, with esp-mqtt's defaults.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <http_parser.h>
#include "esp_log.h"
#include "esp_mac.h"
#include "mqtt_client_private.h"

static bool replace(char **field, const char *text, size_t len)
{
    char *copy = malloc(len + 1);
    if (copy == NULL) {
        return false;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    free(*field);
    *field = copy;
    return true;
}

static bool replace_if(char **field, const char *text)
{
    return text == NULL || replace(field, text, strlen(text));
}

static int or_default(int value, int fallback)
{
    return value > 0 ? value : fallback;
}

static esp_err_t set_client_id(struct mqtt_settings *settings, const esp_mqtt_client_config_t *config)
{
    if (config->credentials.set_null_client_id) {
        return ESP_OK;
    }
    if (config->credentials.client_id != NULL) {
        return replace_if(&settings->client_id, config->credentials.client_id) ? ESP_OK : ESP_ERR_NO_MEM;
    }
    uint8_t mac[6];
    esp_err_t err = esp_read_mac(mac, ESP_MAC_WIFI_STA);
    if (err != ESP_OK) {
        return err;
    }
    char id[sizeof("ESP32_AABBCC")];
    snprintf(id, sizeof(id), "ESP32_%02x%02X%02X", mac[3], mac[4], mac[5]);
    return replace_if(&settings->client_id, id) ? ESP_OK : ESP_ERR_NO_MEM;
}

static esp_err_t set_last_will(struct mqtt_settings *settings, const esp_mqtt_client_config_t *config)
{
    const char *msg = config->session.last_will.msg;
    if (config->session.last_will.topic == NULL) {
        return ESP_OK;
    }
    const int len = config->session.last_will.msg_len;
    settings->will_len = msg == NULL ? 0 : len > 0 ? (size_t)len : strlen(msg);
    settings->will_msg = malloc(settings->will_len + 1);
    if (settings->will_msg == NULL || !replace_if(&settings->will_topic, config->session.last_will.topic)) {
        return ESP_ERR_NO_MEM;
    }
    if (settings->will_len > 0) {
        memcpy(settings->will_msg, msg, settings->will_len);
    }
    settings->will_qos = config->session.last_will.qos;
    settings->will_retain = config->session.last_will.retain != 0;
    return ESP_OK;
}

static esp_err_t set_address(struct mqtt_settings *settings, const esp_mqtt_client_config_t *config)
{
    static const char *const schemes[] = {
        [MQTT_TRANSPORT_UNKNOWN] = "mqtt", [MQTT_TRANSPORT_OVER_TCP] = "mqtt", [MQTT_TRANSPORT_OVER_SSL] = "mqtts",
        [MQTT_TRANSPORT_OVER_WS] = "ws",   [MQTT_TRANSPORT_OVER_WSS] = "wss",
    };
    const esp_mqtt_transport_t transport = config->broker.address.transport;
    if ((unsigned)transport > MQTT_TRANSPORT_OVER_WSS) {
        return ESP_ERR_INVALID_ARG;
    }
    settings->port = (int)config->broker.address.port;
    if (!replace_if(&settings->scheme, schemes[transport]) ||
        !replace_if(&settings->host, config->broker.address.hostname)) {
        return ESP_ERR_NO_MEM;
    }
    const char *uri = config->broker.address.uri;
    return uri != NULL ? mqtt_settings_set_uri(settings, uri) : ESP_OK;
}

esp_err_t mqtt_settings_set(struct mqtt_settings *settings, const esp_mqtt_client_config_t *config)
{
    if (config->session.protocol_ver == MQTT_PROTOCOL_V_5) {
        ESP_LOGE(MQTT_TAG, "MQTT 5 is not part of the native board: use MQTT_PROTOCOL_V_3_1_1");
        return ESP_ERR_NOT_SUPPORTED;
    }
    settings->clean_session = !config->session.disable_clean_session;
    settings->auto_reconnect = !config->network.disable_auto_reconnect;
    settings->keepalive_s =
        config->session.disable_keepalive ? 0 : or_default(config->session.keepalive, MQTT_DEFAULT_KEEPALIVE_S);
    settings->retransmit_ms = or_default(config->session.message_retransmit_timeout, MQTT_DEFAULT_RETRANSMIT_MS);
    settings->reconnect_ms = or_default(config->network.reconnect_timeout_ms, MQTT_DEFAULT_RECONNECT_MS);
    settings->network_ms = or_default(config->network.timeout_ms, MQTT_DEFAULT_NETWORK_MS);
    settings->refresh_ms = config->network.refresh_connection_after_ms;
    settings->task_priority = or_default(config->task.priority, MQTT_DEFAULT_TASK_PRIORITY);
    settings->task_stack = or_default(config->task.stack_size, MQTT_DEFAULT_TASK_STACK);
    const int in_size = or_default(config->buffer.size, MQTT_DEFAULT_BUFFER);
    const int out_size = or_default(config->buffer.out_size, in_size);
    settings->in_size = (size_t)(in_size > MQTT_SMALLEST_BUFFER ? in_size : MQTT_SMALLEST_BUFFER);
    settings->out_size = (size_t)(out_size > MQTT_SMALLEST_BUFFER ? out_size : MQTT_SMALLEST_BUFFER);
    settings->outbox_limit = config->outbox.limit;

    esp_err_t err = set_address(settings, config);
    if (err == ESP_OK) {
        err = set_client_id(settings, config);
    }
    if (err == ESP_OK) {
        err = set_last_will(settings, config);
    }
    if (err == ESP_OK && (!replace_if(&settings->username, config->credentials.username) ||
                          !replace_if(&settings->password, config->credentials.authentication.password))) {
        err = ESP_ERR_NO_MEM;
    }
    return err;
}

static bool replace_part(char **field, const char *uri, const struct http_parser_url *parts,
                         enum http_parser_url_fields f)
{
    return replace(field, uri + parts->field_data[f].off, parts->field_data[f].len);
}

static bool set_userinfo(struct mqtt_settings *settings, const char *info, size_t len)
{
    const char *colon = memchr(info, ':', len);
    if (colon == NULL) {
        return replace(&settings->username, info, len);
    }
    const size_t name_len = (size_t)(colon - info);
    return replace(&settings->username, info, name_len) && replace(&settings->password, colon + 1, len - name_len - 1);
}

esp_err_t mqtt_settings_set_uri(struct mqtt_settings *settings, const char *uri)
{
    struct http_parser_url parts;
    http_parser_url_init(&parts);
    if (http_parser_parse_url(uri, strlen(uri), 0, &parts) != 0 || (parts.field_set & 1 << UF_HOST) == 0) {
        ESP_LOGE(MQTT_TAG, "Error parse uri = %s", uri);
        return ESP_FAIL;
    }
    if (!replace_part(&settings->scheme, uri, &parts, UF_SCHEMA) ||
        !replace_part(&settings->host, uri, &parts, UF_HOST)) {
        return ESP_ERR_NO_MEM;
    }
    if ((parts.field_set & 1 << UF_PORT) != 0) {
        settings->port = parts.port;
    }
    if ((parts.field_set & 1 << UF_USERINFO) != 0 &&
        !set_userinfo(settings, uri + parts.field_data[UF_USERINFO].off, parts.field_data[UF_USERINFO].len)) {
        return ESP_ERR_NO_MEM;
    }
    return ESP_OK;
}

void mqtt_settings_free(struct mqtt_settings *settings)
{
    free(settings->scheme);
    free(settings->host);
    free(settings->client_id);
    free(settings->username);
    free(settings->password);
    free(settings->will_topic);
    free(settings->will_msg);
}
