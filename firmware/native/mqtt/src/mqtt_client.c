/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A client's life: made, started, stopped, destroyed.
 */
#include <stdlib.h>
#include <string.h>
#include "esp_log.h"
#include "mqtt_client_private.h"

static esp_err_t prepare(esp_mqtt_client_handle_t client, const esp_mqtt_client_config_t *config)
{
    client->lock = xSemaphoreCreateRecursiveMutex();
    client->bits = xEventGroupCreate();
    client->user_events = xQueueCreate(1, sizeof(esp_mqtt_event_t));
    if (client->lock == NULL || client->bits == NULL || client->user_events == NULL) {
        return ESP_ERR_NO_MEM;
    }
    esp_err_t err = mqtt_settings_set(&client->settings, config);
    if (err != ESP_OK) {
        return err;
    }
    client->in = malloc(client->settings.in_size);
    client->out = malloc(client->settings.out_size);
    if (client->in == NULL || client->out == NULL) {
        return ESP_ERR_NO_MEM;
    }
    return mqtt_add_transports(client, config);
}

static void release(esp_mqtt_client_handle_t client)
{
    mqtt_handlers_free(client);
    mqtt_outbox_clear(&client->outbox);
    esp_transport_list_destroy(client->transports);
    esp_transport_destroy(client->own_transport);
    mqtt_settings_free(&client->settings);
    free(client->in);
    free(client->out);
    if (client->user_events != NULL) {
        vQueueDelete(client->user_events);
    }
    if (client->bits != NULL) {
        vEventGroupDelete(client->bits);
    }
    if (client->lock != NULL) {
        vSemaphoreDelete(client->lock);
    }
    free(client);
}

esp_mqtt_client_handle_t esp_mqtt_client_init(const esp_mqtt_client_config_t *config)
{
    if (config == NULL) {
        return NULL;
    }
    esp_mqtt_client_handle_t client = calloc(1, sizeof(*client));
    if (client == NULL) {
        return NULL;
    }
    client->state = MQTT_STATE_DISCONNECTED;
    mqtt_outbox_init(&client->outbox);
    esp_err_t err = prepare(client, config);
    if (err != ESP_OK) {
        ESP_LOGE(MQTT_TAG, "cannot make a client: %s", esp_err_to_name(err));
        release(client);
        return NULL;
    }
    client->own_transport = config->network.transport;
    return client;
}

esp_err_t esp_mqtt_client_set_uri(esp_mqtt_client_handle_t client, const char *uri)
{
    if (client == NULL || uri == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    mqtt_lock(client);
    esp_err_t err = mqtt_settings_set_uri(&client->settings, uri);
    mqtt_unlock(client);
    return err;
}

static esp_err_t choose_transport(esp_mqtt_client_handle_t client)
{
    if (client->settings.host == NULL) {
        ESP_LOGE(MQTT_TAG, "no broker address is configured");
        return ESP_ERR_INVALID_STATE;
    }
    client->transport = client->own_transport;
    if (client->transport == NULL) {
        client->transport = esp_transport_list_get_transport(client->transports, client->settings.scheme);
    }
    if (client->transport == NULL) {
        ESP_LOGE(MQTT_TAG, "There are no transports valid, config scheme = %s: mqtt:// and mqtts:// are",
                 client->settings.scheme);
        return ESP_ERR_NOT_SUPPORTED;
    }
    return ESP_OK;
}

static esp_err_t start_task(esp_mqtt_client_handle_t client)
{
    client->run = true;
    client->state = MQTT_STATE_INIT;
    xEventGroupClearBits(client->bits, MQTT_BIT_STOPPED | MQTT_BIT_RECONNECT | MQTT_BIT_DISCONNECT);
    if (xTaskCreate(mqtt_task, "mqtt_task", (uint32_t)client->settings.task_stack, client,
                    (UBaseType_t)client->settings.task_priority, &client->task) != pdPASS) {
        ESP_LOGE(MQTT_TAG, "Error create mqtt task");
        client->run = false;
        client->state = MQTT_STATE_DISCONNECTED;
        return ESP_FAIL;
    }
    return ESP_OK;
}

esp_err_t esp_mqtt_client_start(esp_mqtt_client_handle_t client)
{
    if (client == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    mqtt_lock(client);
    esp_err_t err = ESP_FAIL;
    if (client->run || client->task != NULL) {
        ESP_LOGE(MQTT_TAG, "Client has started");
    } else if ((err = choose_transport(client)) == ESP_OK) {
        err = start_task(client);
    }
    mqtt_unlock(client);
    return err;
}

esp_err_t esp_mqtt_client_stop(esp_mqtt_client_handle_t client)
{
    if (client == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    mqtt_lock(client);
    if (!client->run) {
        ESP_LOGW(MQTT_TAG, "Client asked to stop, but was not started");
        mqtt_unlock(client);
        return ESP_FAIL;
    }
    if (xTaskGetCurrentTaskHandle() == client->task) {
        ESP_LOGE(MQTT_TAG, "Client cannot be stopped from MQTT task");
        mqtt_unlock(client);
        return ESP_FAIL;
    }
    if (client->state == MQTT_STATE_CONNECTED) {
        mqtt_write_bare(client, MQTT_DISCONNECT); /* a courtesy: without it the broker would send the last will */
    }
    client->run = false;
    client->state = MQTT_STATE_DISCONNECTED;
    mqtt_unlock(client);
    xEventGroupSetBits(client->bits, MQTT_BIT_RECONNECT); /* it may be waiting to connect again */
    xEventGroupWaitBits(client->bits, MQTT_BIT_STOPPED, pdFALSE, pdTRUE, portMAX_DELAY);
    return ESP_OK;
}

esp_err_t esp_mqtt_client_destroy(esp_mqtt_client_handle_t client)
{
    if (client == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    if (client->run && esp_mqtt_client_stop(client) != ESP_OK) {
        return ESP_FAIL;
    }
    release(client);
    return ESP_OK;
}

esp_err_t esp_mqtt_client_disconnect(esp_mqtt_client_handle_t client)
{
    if (client == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    ESP_LOGI(MQTT_TAG, "Client asked to disconnect");
    xEventGroupSetBits(client->bits, MQTT_BIT_DISCONNECT);
    return ESP_OK;
}

esp_err_t esp_mqtt_client_reconnect(esp_mqtt_client_handle_t client)
{
    if (client == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    ESP_LOGI(MQTT_TAG, "Client force reconnect requested");
    if (client->state != MQTT_STATE_WAIT_RECONNECT) {
        return ESP_FAIL;
    }
    client->wait_ms = 0;
    xEventGroupSetBits(client->bits, MQTT_BIT_RECONNECT);
    return ESP_OK;
}

int esp_mqtt_client_get_outbox_size(esp_mqtt_client_handle_t client)
{
    if (client == NULL) {
        return 0;
    }
    mqtt_lock(client);
    int size = (int)client->outbox.bytes;
    mqtt_unlock(client);
    return size;
}
