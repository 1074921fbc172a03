/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * esp-mqtt, its topics and its events. A trigger may arrive in pieces and is put together here; what it means is not
 * this file's business.
 */
#include "mqtt_link.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "esp_bit_defs.h"
#include "esp_check.h"
#include "esp_log.h"
#include "freertos/FreeRTOS.h"
#include "freertos/event_groups.h"
#include "freertos/task.h"
#include "freertos/semphr.h"
#include "mqtt_client.h"

#include "idf_compat.h"
#include "settings.h"
#include "trigger.h"

#define UP_BIT        BIT0 /* the trigger topic is subscribed */
#define DELIVERED_BIT BIT1 /* the broker has acknowledged all that was published */
#define KEEPALIVE_S   10
#define RECONNECT_MS  1000
#define QOS           1
#define STATUS_BYTES  384
#define BACKLOG_MAX   16 /* messages; about 3 KB of a chip's heap */

static const char TAG[] = "mqtt_link";
static esp_mqtt_client_handle_t s_client;
static mqtt_link_trigger_fn s_on_trigger;
static _Atomic EventGroupHandle_t s_bits; /* the self-test waits before it is made */
static char s_topic_state[64];
static char s_topic_trigger[64];
static char s_topic_status[64];
static char s_client_id[48];

static SemaphoreHandle_t s_lock;
static StaticSemaphore_t s_lock_memory;
static unsigned s_undelivered; /* published, not yet acknowledged; guarded by s_lock, and so is DELIVERED_BIT */

static char s_message[TRIGGER_MAX_BYTES]; /* used in the MQTT task alone */

static void count_undelivered(int change)
{
    xSemaphoreTake(s_lock, portMAX_DELAY);
    if (change > 0 || s_undelivered > 0) {
        s_undelivered += (unsigned)change;
    }
    if (s_undelivered == 0) {
        xEventGroupSetBits(s_bits, DELIVERED_BIT);
    } else {
        xEventGroupClearBits(s_bits, DELIVERED_BIT);
    }
    xSemaphoreGive(s_lock);
}

bool mqtt_link_is_backed_up(void)
{
    xSemaphoreTake(s_lock, portMAX_DELAY);
    const bool backed_up = s_undelivered >= BACKLOG_MAX;
    xSemaphoreGive(s_lock);
    return backed_up;
}

static void publish(const char *topic, const char *text, int retain)
{
    count_undelivered(+1); /* before it is sent: the acknowledgement may be faster than this task */
    if (esp_mqtt_client_publish(s_client, topic, text, 0, QOS, retain) < 0) {
        count_undelivered(-1);
        ESP_LOGW(TAG, "not published on %s", topic);
    }
}

static void on_data(const esp_mqtt_event_t *e)
{
    static bool s_is_trigger; /* only a message's first piece says its topic; MQTT task alone */
    if (e->current_data_offset == 0) {
        const size_t len = strlen(s_topic_trigger);
        s_is_trigger = (size_t)e->topic_len == len && memcmp(e->topic, s_topic_trigger, len) == 0;
    }
    if (!s_is_trigger) {
        return;
    }
    if (e->total_data_len > TRIGGER_MAX_BYTES) {
        if (e->current_data_offset == 0) {
            s_on_trigger(NULL, (size_t)e->total_data_len);
        }
        return;
    }
    memcpy(s_message + e->current_data_offset, e->data, (size_t)e->data_len);
    if (e->current_data_offset + e->data_len == e->total_data_len) {
        s_on_trigger(s_message, (size_t)e->total_data_len);
    }
}

static void on_mqtt(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    const esp_mqtt_event_t *e = data;
    (void)arg;
    (void)base;
    switch ((esp_mqtt_event_id_t)id) {
    case MQTT_EVENT_CONNECTED:
        publish(s_topic_state, "online", 1);
        esp_mqtt_client_subscribe(s_client, s_topic_trigger, QOS);
        break;
    case MQTT_EVENT_SUBSCRIBED:
        xEventGroupSetBits(s_bits, UP_BIT);
        break;
    case MQTT_EVENT_DISCONNECTED:
        xEventGroupClearBits(s_bits, UP_BIT);
        break;
    case MQTT_EVENT_PUBLISHED:
    case MQTT_EVENT_DELETED:
        count_undelivered(-1);
        break;
    case MQTT_EVENT_DATA:
        on_data(e);
        break;
    default:
        break;
    }
}

static esp_mqtt_client_handle_t create_client(void)
{
    const settings_t *s = settings();
    const char *user = s->broker_user[0] != '\0' ? s->broker_user : NULL;
    const char *password = s->broker_pass[0] != '\0' ? s->broker_pass : NULL;
#if MQTT_CONFIG_IS_NESTED
    const esp_mqtt_client_config_t config = {
        .broker = {.address.uri = s->broker_uri, .verification.certificate = s->ca},
        .credentials = {.username = user, .client_id = s_client_id, .authentication.password = password},
        .session =
            {
                .last_will = {.topic = s_topic_state, .msg = "offline", .qos = QOS, .retain = 1},
                .keepalive = KEEPALIVE_S,
            },
        .network.reconnect_timeout_ms = RECONNECT_MS,
    };
#else
    const esp_mqtt_client_config_t config = {
        .uri = s->broker_uri,
        .cert_pem = s->ca,
        .username = user,
        .client_id = s_client_id,
        .password = password,
        .lwt_topic = s_topic_state,
        .lwt_msg = "offline",
        .lwt_qos = QOS,
        .lwt_retain = 1,
        .keepalive = KEEPALIVE_S,
        .reconnect_timeout_ms = RECONNECT_MS,
    };
#endif
    return esp_mqtt_client_init(&config);
}

esp_err_t mqtt_link_start(mqtt_link_trigger_fn on_trigger)
{
    const char *device = settings()->device_id;
    s_on_trigger = on_trigger;
    snprintf(s_topic_state, sizeof(s_topic_state), "hil/%s/state", device);
    snprintf(s_topic_trigger, sizeof(s_topic_trigger), "hil/%s/ota/trigger", device);
    snprintf(s_topic_status, sizeof(s_topic_status), "hil/%s/ota/status", device);
    snprintf(s_client_id, sizeof(s_client_id), "hil-%s", device);
    s_lock = xSemaphoreCreateMutexStatic(&s_lock_memory);
    s_bits = xEventGroupCreate();
    ESP_RETURN_ON_FALSE(s_bits != NULL, ESP_ERR_NO_MEM, TAG, "no memory");
    xEventGroupSetBits(s_bits, DELIVERED_BIT);
    s_client = create_client();
    ESP_RETURN_ON_FALSE(s_client != NULL, ESP_FAIL, TAG, "no client for %s", settings()->broker_uri);
    ESP_RETURN_ON_ERROR(esp_mqtt_client_register_event(s_client, MQTT_EVENT_ANY, on_mqtt, NULL), TAG, "handler");
    return esp_mqtt_client_start(s_client);
}

static bool wait_bit(EventBits_t bit, uint32_t timeout_ms)
{
    const TickType_t ticks = timeout_ms == UINT32_MAX ? portMAX_DELAY : pdMS_TO_TICKS(timeout_ms);
    if (s_bits == NULL) {
        vTaskDelay(ticks);
        return false;
    }
    return (xEventGroupWaitBits(s_bits, bit, pdFALSE, pdTRUE, ticks) & bit) != 0;
}

bool mqtt_link_wait_up(uint32_t timeout_ms)
{
    return wait_bit(UP_BIT, timeout_ms);
}

void mqtt_link_status(const char *step, const char *fmt, ...)
{
    char text[STATUS_BYTES];
    int len = snprintf(text, sizeof(text), "{\"step\":\"%s\"%s", step, fmt[0] != '\0' ? "," : "");
    va_list args;
    va_start(args, fmt);
    len += vsnprintf(text + len, sizeof(text) - (size_t)len, fmt, args);
    va_end(args);
    if (len + 2 > (int)sizeof(text)) {
        len = snprintf(text, sizeof(text), "{\"step\":\"%s\",\"cut\":true", step);
    }
    text[len++] = '}';
    text[len] = '\0';
    publish(s_topic_status, text, 0);
}

void mqtt_link_say_goodbye(uint32_t timeout_ms)
{
    if (mqtt_link_wait_up(0)) {
        publish(s_topic_state, "offline", 1);
        wait_bit(DELIVERED_BIT, timeout_ms);
    }
}
