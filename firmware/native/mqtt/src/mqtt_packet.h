/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * MQTT 3.1.1 control packets to bytes and back. Pure code: no socket, no task, no allocation, so that it can be
 * tested on the host with any bytes a broker might send. Section numbers are those of the OASIS standard.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mqtt_packet_type {
    MQTT_CONNECT = 1,
    MQTT_CONNACK,
    MQTT_PUBLISH,
    MQTT_PUBACK,
    MQTT_PUBREC,
    MQTT_PUBREL,
    MQTT_PUBCOMP,
    MQTT_SUBSCRIBE,
    MQTT_SUBACK,
    MQTT_UNSUBSCRIBE,
    MQTT_UNSUBACK,
    MQTT_PINGREQ,
    MQTT_PINGRESP,
    MQTT_DISCONNECT,
};

#define MQTT_FIXED_HEADER_MAX 5          /* one byte of type and flags, up to four of remaining length */
#define MQTT_REMAINING_MAX    268435455u /* 2.2.3 */
#define MQTT_STRING_MAX       65535u     /* 1.5.3 */

enum mqtt_decode {
    MQTT_DECODE_OK,
    MQTT_DECODE_MORE,      /* a valid beginning: more bytes are needed to tell */
    MQTT_DECODE_MALFORMED, /* no broker that keeps to the standard sends this */
};

struct mqtt_header {
    enum mqtt_packet_type type;
    bool dup, retain;
    int qos;
    size_t header_len; /* bytes of the fixed header */
    size_t total_len;  /* header_len + remaining length */
};

/* The beginning of a PUBLISH, up to its payload. */
struct mqtt_publish {
    const char *topic; /* into the decoded bytes; not terminated */
    size_t topic_len;
    uint16_t msg_id;       /* 0 with QoS 0 */
    size_t payload_offset; /* from the start of the packet */
    size_t payload_len;    /* of the whole message */
};

struct mqtt_connect {
    const char *client_id; /* NULL: empty, the broker gives one */
    const char *username, *password;
    const char *will_topic;
    const void *will_msg;
    size_t will_len;
    int will_qos;
    bool will_retain;
    bool clean_session;
    uint16_t keepalive_s;
};

/* For packets that come from a broker. Types only a client may send are malformed here, as are wrong flags. */
enum mqtt_decode mqtt_decode_header(const uint8_t *bytes, size_t len, struct mqtt_header *header);
/* bytes: as much of the packet as is there, from its fixed header on. With MQTT_DECODE_MORE, payload_offset is
 * already known when it is not 0. */
enum mqtt_decode mqtt_decode_publish(const uint8_t *bytes, size_t len, const struct mqtt_header *header,
                                     struct mqtt_publish *publish);
/* For packets that are wholly there (header->total_len bytes). */
bool mqtt_decode_connack(const uint8_t *bytes, const struct mqtt_header *header, bool *session_present, int *code);
bool mqtt_decode_ack(const uint8_t *bytes, const struct mqtt_header *header, uint16_t *msg_id);
bool mqtt_decode_suback(const uint8_t *bytes, const struct mqtt_header *header, uint16_t *msg_id, const uint8_t **codes,
                        size_t *count);

/* Each returns the packet's length, or 0 when it does not fit into size bytes or its strings are too long. */
size_t mqtt_encode_connect(uint8_t *bytes, size_t size, const struct mqtt_connect *connect);
/* The packet up to its payload of payload_len bytes, which follows. */
size_t mqtt_encode_publish_head(uint8_t *bytes, size_t size, const char *topic, size_t payload_len, int qos,
                                bool retain, uint16_t msg_id);
size_t mqtt_encode_subscribe(uint8_t *bytes, size_t size, const char *const *filters, const int *qos, size_t count,
                             uint16_t msg_id);
size_t mqtt_encode_unsubscribe(uint8_t *bytes, size_t size, const char *filter, uint16_t msg_id);
size_t mqtt_encode_ack(uint8_t *bytes, size_t size, enum mqtt_packet_type type, uint16_t msg_id);
size_t mqtt_encode_bare(uint8_t *bytes, size_t size, enum mqtt_packet_type type); /* PINGREQ, DISCONNECT */
void mqtt_set_dup(uint8_t *packet);
