/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The client's state, and what its files offer each other.
 */
#pragma once

#include <stdatomic.h>
#include "esp_bit_defs.h"
#include "freertos/FreeRTOS.h"
#include "freertos/event_groups.h"
#include "freertos/queue.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "mqtt_client.h"
#include "mqtt_outbox.h"
#include "mqtt_packet.h"

#define MQTT_TAG "mqtt_client"

/* esp-mqtt's defaults */
#define MQTT_DEFAULT_PORT          1883
#define MQTT_DEFAULT_TLS_PORT      8883
#define MQTT_DEFAULT_BUFFER        1024
#define MQTT_DEFAULT_KEEPALIVE_S   120
#define MQTT_DEFAULT_NETWORK_MS    10000
#define MQTT_DEFAULT_RECONNECT_MS  10000
#define MQTT_DEFAULT_RETRANSMIT_MS 1000
#define MQTT_DEFAULT_TASK_STACK    6144
#define MQTT_DEFAULT_TASK_PRIORITY 5
#define MQTT_OUTBOX_EXPIRY_MS      30000
#define MQTT_POLL_READ_MS          1000
#define MQTT_SMALLEST_BUFFER       16 /* any acknowledgement fits */

/* Owned copies of what the caller configured. */
struct mqtt_settings {
    char *scheme, *host;
    int port;
    char *client_id, *username, *password;
    char *will_topic;
    uint8_t *will_msg;
    size_t will_len;
    int will_qos;
    bool will_retain;
    bool clean_session, auto_reconnect;
    int keepalive_s, retransmit_ms, reconnect_ms, network_ms, refresh_ms;
    int task_priority, task_stack;
    size_t in_size, out_size;
    uint64_t outbox_limit;
};

enum mqtt_state {
    MQTT_STATE_INIT,
    MQTT_STATE_CONNECTED,
    MQTT_STATE_WAIT_RECONNECT,
    MQTT_STATE_DISCONNECTED, /* no task */
};

#define MQTT_BIT_STOPPED    BIT0
#define MQTT_BIT_RECONNECT  BIT1
#define MQTT_BIT_DISCONNECT BIT2

struct mqtt_handler {
    struct mqtt_handler *next;
    esp_mqtt_event_id_t event;
    esp_event_handler_t function; /* NULL: unregistered while events were being dispatched */
    void *arg;
};

struct esp_mqtt_client {
    SemaphoreHandle_t lock; /* recursive; guards everything below but the atomics */
    EventGroupHandle_t bits;
    QueueHandle_t user_events;
    struct mqtt_settings settings;
    esp_transport_list_handle_t transports;
    esp_transport_handle_t transport;     /* the one the scheme chose */
    esp_transport_handle_t own_transport; /* the caller's, or NULL */
    TaskHandle_t task;
    atomic_bool run;
    _Atomic enum mqtt_state state;

    struct mqtt_handler *handlers;
    int dispatch_depth;
    esp_mqtt_error_codes_t error;

    struct mqtt_outbox outbox;
    uint16_t last_msg_id;
    uint8_t *in, *out;
    size_t in_len; /* bytes of the packet being received */

    bool ping_unanswered;
    atomic_int wait_ms; /* until the next connection; set to 0 by a reconnect on request */
    int64_t keepalive_since_ms, reconnect_since_ms, refresh_since_ms, retransmit_since_ms;
};

static inline void mqtt_lock(esp_mqtt_client_handle_t client)
{
    xSemaphoreTakeRecursive(client->lock, portMAX_DELAY);
}

static inline void mqtt_unlock(esp_mqtt_client_handle_t client)
{
    xSemaphoreGiveRecursive(client->lock);
}

int64_t mqtt_now_ms(void);

/* mqtt_settings.c */
esp_err_t mqtt_settings_set(struct mqtt_settings *settings, const esp_mqtt_client_config_t *config);
esp_err_t mqtt_settings_set_uri(struct mqtt_settings *settings, const char *uri);
void mqtt_settings_free(struct mqtt_settings *settings);

/* mqtt_transports.c: one transport a scheme, in client->transports */
esp_err_t mqtt_add_transports(esp_mqtt_client_handle_t client, const esp_mqtt_client_config_t *config);

/* mqtt_events.c: with the lock held */
void mqtt_dispatch(esp_mqtt_client_handle_t client, esp_mqtt_event_t *event);
void mqtt_dispatch_id(esp_mqtt_client_handle_t client, esp_mqtt_event_id_t id, int msg_id);
void mqtt_dispatch_transport_error(esp_mqtt_client_handle_t client);
void mqtt_dispatch_refused(esp_mqtt_client_handle_t client, int code);
void mqtt_handlers_free(esp_mqtt_client_handle_t client);

/* mqtt_connection.c: with the lock held */
esp_err_t mqtt_write(esp_mqtt_client_handle_t client, const void *bytes, size_t len);
esp_err_t mqtt_write_ack(esp_mqtt_client_handle_t client, enum mqtt_packet_type type, uint16_t msg_id);
esp_err_t mqtt_write_bare(esp_mqtt_client_handle_t client, enum mqtt_packet_type type);
esp_err_t mqtt_connect(esp_mqtt_client_handle_t client);
void mqtt_abort_connection(esp_mqtt_client_handle_t client);

/* mqtt_receive.c: with the lock held */
enum mqtt_received {
    MQTT_RECEIVED_NOTHING,
    MQTT_RECEIVED_PART, /* a packet has begun and is not complete */
    MQTT_RECEIVED_PACKET,
    MQTT_RECEIVED_ERROR, /* an error event has been dispatched: close */
};
enum mqtt_received mqtt_receive(esp_mqtt_client_handle_t client, int timeout_ms, struct mqtt_header *header);
/* Receives and handles what is there; ESP_FAIL: close. */
esp_err_t mqtt_process_receive(esp_mqtt_client_handle_t client);

/* mqtt_task.c */
void mqtt_task(void *arg);
void mqtt_expire_outbox(esp_mqtt_client_handle_t client);
