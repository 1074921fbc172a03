/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Handlers and the events they are called with.
 *
 * esp-mqtt posts into an event loop of its own and runs that loop at once; here the handlers are called directly,
 * which comes to the same: same task, same order, one event at a time. A handler may register and unregister
 * handlers; what it unregisters is only marked until the outermost dispatch is done.
 */
#include <stdlib.h>
#include "esp_tls.h"
#include "mqtt_client_private.h"

ESP_EVENT_DEFINE_BASE(MQTT_EVENTS);

static void sweep_handlers(esp_mqtt_client_handle_t client, bool all)
{
    struct mqtt_handler **link = &client->handlers;
    while (*link != NULL) {
        struct mqtt_handler *handler = *link;
        if (all || handler->function == NULL) {
            *link = handler->next;
            free(handler);
        } else {
            link = &handler->next;
        }
    }
}

void mqtt_handlers_free(esp_mqtt_client_handle_t client)
{
    sweep_handlers(client, true);
}

void mqtt_dispatch(esp_mqtt_client_handle_t client, esp_mqtt_event_t *event)
{
    event->client = client;
    event->error_handle = &client->error;
    event->protocol_ver = MQTT_PROTOCOL_V_3_1_1;
    client->dispatch_depth++;
    for (struct mqtt_handler *handler = client->handlers; handler != NULL; handler = handler->next) {
        if (handler->function != NULL && (handler->event == MQTT_EVENT_ANY || handler->event == event->event_id)) {
            handler->function(handler->arg, MQTT_EVENTS, event->event_id, event);
        }
    }
    if (--client->dispatch_depth == 0) {
        sweep_handlers(client, false);
    }
}

void mqtt_dispatch_id(esp_mqtt_client_handle_t client, esp_mqtt_event_id_t id, int msg_id)
{
    esp_mqtt_event_t event = {.event_id = id, .msg_id = msg_id};
    mqtt_dispatch(client, &event);
}

void mqtt_dispatch_transport_error(esp_mqtt_client_handle_t client)
{
    client->error = (esp_mqtt_error_codes_t){
        .error_type = MQTT_ERROR_TYPE_TCP_TRANSPORT,
        .esp_transport_sock_errno = esp_transport_get_errno(client->transport),
    };
    client->error.esp_tls_last_esp_err =
        esp_tls_get_and_clear_last_error(esp_transport_get_error_handle(client->transport),
                                         &client->error.esp_tls_stack_err, &client->error.esp_tls_cert_verify_flags);
    mqtt_dispatch_id(client, MQTT_EVENT_ERROR, 0);
}

void mqtt_dispatch_refused(esp_mqtt_client_handle_t client, int code)
{
    client->error = (esp_mqtt_error_codes_t){
        .error_type = MQTT_ERROR_TYPE_CONNECTION_REFUSED,
        .connect_return_code = (esp_mqtt_connect_return_code_t)code,
    };
    mqtt_dispatch_id(client, MQTT_EVENT_ERROR, 0);
}

esp_err_t esp_mqtt_client_register_event(esp_mqtt_client_handle_t client, esp_mqtt_event_id_t event,
                                         esp_event_handler_t event_handler, void *event_handler_arg)
{
    if (client == NULL || event_handler == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    struct mqtt_handler *handler = malloc(sizeof(*handler));
    if (handler == NULL) {
        return ESP_ERR_NO_MEM;
    }
    *handler = (struct mqtt_handler){.event = event, .function = event_handler, .arg = event_handler_arg};
    mqtt_lock(client);
    struct mqtt_handler **link = &client->handlers;
    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = handler;
    mqtt_unlock(client);
    return ESP_OK;
}

esp_err_t esp_mqtt_client_unregister_event(esp_mqtt_client_handle_t client, esp_mqtt_event_id_t event,
                                           esp_event_handler_t event_handler)
{
    if (client == NULL || event_handler == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    mqtt_lock(client);
    for (struct mqtt_handler *handler = client->handlers; handler != NULL; handler = handler->next) {
        if (handler->event == event && handler->function == event_handler) {
            handler->function = NULL;
        }
    }
    if (client->dispatch_depth == 0) {
        sweep_handlers(client, false);
    }
    mqtt_unlock(client);
    return ESP_OK;
}

esp_err_t esp_mqtt_dispatch_custom_event(esp_mqtt_client_handle_t client, esp_mqtt_event_t *event)
{
    if (client == NULL || event == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    return xQueueSend(client->user_events, event, 0) == pdTRUE ? ESP_OK : ESP_ERR_TIMEOUT;
}
