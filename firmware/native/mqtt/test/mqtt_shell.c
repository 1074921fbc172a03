/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The MQTT client on the serial line, for the tests beside it. The certificates are the blobs "ca",
 * "client_cert" and "client_key" (PEM).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "esp_rom_crc.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "mqtt_client.h"
#include "shell.h"

static esp_mqtt_client_handle_t client;
static uint32_t payload_crc;        /* of the message being received */
static const char *stop_from_event; /* try to stop the client in this event's handler */

static void print_data(const esp_mqtt_event_t *event)
{
    if (event->current_data_offset == 0) {
        payload_crc = 0;
    }
    payload_crc = esp_rom_crc32_le(payload_crc, (const uint8_t *)event->data, (uint32_t)event->data_len);
    printf("! data topic=%.*s offset=%d len=%d total=%d qos=%d retain=%d dup=%d crc=%08" PRIx32 "\n", event->topic_len,
           event->topic != NULL ? event->topic : "", event->current_data_offset, event->data_len, event->total_data_len,
           event->qos, event->retain, event->dup, payload_crc);
}

static void on_event(void *arg, esp_event_base_t base, int32_t id, void *event_data)
{
    const esp_mqtt_event_t *event = event_data;
    const char *task = pcTaskGetName(NULL);
    (void)arg;
    if (base != MQTT_EVENTS || id != (int32_t)event->event_id || event->client != client) {
        printf("! wrong event\n");
        return;
    }
    switch (event->event_id) {
    case MQTT_EVENT_BEFORE_CONNECT:
        printf("! before_connect\n");
        break;
    case MQTT_EVENT_CONNECTED:
        printf("! connected session=%d task=%s\n", event->session_present, task);
        if (stop_from_event != NULL) {
            printf("! stop in a handler: %s\n", esp_err_to_name(esp_mqtt_client_stop(client)));
        }
        break;
    case MQTT_EVENT_DISCONNECTED:
        printf("! disconnected task=%s\n", task);
        break;
    case MQTT_EVENT_SUBSCRIBED:
        printf("! subscribed id=%d codes=%d first=%d error=%d\n", event->msg_id, event->data_len,
               (uint8_t)event->data[0], event->error_handle->error_type);
        break;
    case MQTT_EVENT_UNSUBSCRIBED:
        printf("! unsubscribed id=%d\n", event->msg_id);
        break;
    case MQTT_EVENT_PUBLISHED:
        printf("! published id=%d\n", event->msg_id);
        break;
    case MQTT_EVENT_DATA:
        print_data(event);
        break;
    case MQTT_EVENT_ERROR:
        printf("! error type=%d code=%d errno=%d tls=%x stack=%x flags=%x\n", event->error_handle->error_type,
               event->error_handle->connect_return_code, event->error_handle->esp_transport_sock_errno,
               (unsigned)event->error_handle->esp_tls_last_esp_err, (unsigned)event->error_handle->esp_tls_stack_err,
               (unsigned)event->error_handle->esp_tls_cert_verify_flags);
        break;
    case MQTT_EVENT_DELETED:
        printf("! deleted id=%d\n", event->msg_id);
        break;
    case MQTT_USER_EVENT:
        printf("! user id=%d task=%s\n", event->msg_id, task);
        break;
    default:
        printf("! event %d\n", (int)id);
    }
}

static void print_err(esp_err_t err)
{
    printf("= %s\n", esp_err_to_name(err));
}

static void run_init(const struct shell_line *line)
{
    static char common_name[64]; /* the line is gone when it is looked at */
    snprintf(common_name, sizeof(common_name), "%s", shell_option(line, "name", ""));
    const esp_mqtt_client_config_t config = {
        .broker.address.uri = shell_option(line, "uri", NULL),
        .broker.verification.certificate = shell_blob("ca", NULL),
        .broker.verification.skip_cert_common_name_check = shell_option_number(line, "anyname", 0) != 0,
        .broker.verification.common_name = common_name[0] != '\0' ? common_name : NULL,
        .credentials.authentication.certificate = shell_blob("client_cert", NULL),
        .credentials.authentication.key = shell_blob("client_key", NULL),
        .credentials.client_id = shell_option(line, "id", NULL),
        .credentials.username = shell_option(line, "user", NULL),
        .credentials.authentication.password = shell_option(line, "pass", NULL),
        .session.last_will.topic = shell_option(line, "will_topic", NULL),
        .session.last_will.msg = shell_option(line, "will_msg", NULL),
        .session.last_will.qos = shell_option_number(line, "will_qos", 0),
        .session.last_will.retain = shell_option_number(line, "will_retain", 0),
        .session.keepalive = shell_option_number(line, "keepalive", 0),
        .session.disable_clean_session = shell_option_number(line, "keep_session", 0),
        .session.message_retransmit_timeout = shell_option_number(line, "retransmit", 0),
        .network.reconnect_timeout_ms = shell_option_number(line, "reconnect", 0),
        .network.timeout_ms = shell_option_number(line, "timeout", 0),
        .network.disable_auto_reconnect = shell_option_number(line, "manual", 0),
        .buffer.size = shell_option_number(line, "buffer", 0),
        .buffer.out_size = shell_option_number(line, "out", 0),
        .outbox.limit = (uint64_t)shell_option_number(line, "outbox", 0),
    };
    stop_from_event = shell_option(line, "stop_from_event", NULL);
    client = esp_mqtt_client_init(&config);
    if (client != NULL) {
        esp_mqtt_client_register_event(client, MQTT_EVENT_ANY, on_event, NULL);
    }
    printf("= %s\n", client != NULL ? "made" : "refused");
}

static void run_start(const struct shell_line *line)
{
    (void)line;
    print_err(esp_mqtt_client_start(client));
}

static void run_stop(const struct shell_line *line)
{
    (void)line;
    print_err(esp_mqtt_client_stop(client));
}

static void run_destroy(const struct shell_line *line)
{
    (void)line;
    print_err(esp_mqtt_client_destroy(client));
}

static void run_disconnect(const struct shell_line *line)
{
    (void)line;
    print_err(esp_mqtt_client_disconnect(client));
}

static void run_reconnect(const struct shell_line *line)
{
    (void)line;
    print_err(esp_mqtt_client_reconnect(client));
}

/* pub TOPIC PAYLOAD QOS RETAIN; "-" is no payload */
static void run_pub(const struct shell_line *line)
{
    const char *payload = shell_word(line, 2, "-");
    printf("= %d\n",
           esp_mqtt_client_publish(client, shell_word(line, 1, ""), strcmp(payload, "-") != 0 ? payload : NULL, 0,
                                   shell_number(line, 3, 0), shell_number(line, 4, 0)));
}

/* publen TOPIC BYTES QOS: a payload of that length, a pattern */
static void run_publen(const struct shell_line *line)
{
    const int len = shell_number(line, 2, 0);
    char *payload = malloc((size_t)len);
    for (int i = 0; i < len; i++) {
        payload[i] = (char)('a' + i % 26);
    }
    printf("= %d\n",
           esp_mqtt_client_publish(client, shell_word(line, 1, ""), payload, len, shell_number(line, 3, 0), 0));
    free(payload);
}

/* enq TOPIC PAYLOAD QOS STORE */
static void run_enq(const struct shell_line *line)
{
    printf("= %d\n", esp_mqtt_client_enqueue(client, shell_word(line, 1, ""), shell_word(line, 2, NULL), 0,
                                             shell_number(line, 3, 0), 0, shell_number(line, 4, 0) != 0));
}

static void run_sub(const struct shell_line *line)
{
    const char *topic = shell_word(line, 1, "");
    printf("= %d\n", esp_mqtt_client_subscribe(client, topic, shell_number(line, 2, 0)));
}

static void run_unsub(const struct shell_line *line)
{
    printf("= %d\n", esp_mqtt_client_unsubscribe(client, shell_word(line, 1, "")));
}

static void run_outbox(const struct shell_line *line)
{
    (void)line;
    printf("= %d\n", esp_mqtt_client_get_outbox_size(client));
}

static void run_user(const struct shell_line *line)
{
    esp_mqtt_event_t event = {.msg_id = shell_number(line, 1, 0)};
    print_err(esp_mqtt_dispatch_custom_event(client, &event));
}

static void run_forget(const struct shell_line *line)
{
    (void)line;
    print_err(esp_mqtt_client_unregister_event(client, MQTT_EVENT_ANY, on_event));
}

void app_main(void)
{
    static const struct shell_command commands[] = {
        {"init", run_init},       {"start", run_start},           {"stop", run_stop},
        {"destroy", run_destroy}, {"disconnect", run_disconnect}, {"reconnect", run_reconnect},
        {"pub", run_pub},         {"publen", run_publen},         {"enq", run_enq},
        {"sub", run_sub},         {"unsub", run_unsub},           {"outbox", run_outbox},
        {"user", run_user},       {"forget", run_forget},         {NULL, NULL},
    };
    shell_run(commands);
}
