/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Bytes from a broker to MQTT 3.1.1 packets. Nothing a broker sends is believed: every length is checked against
 * what is there before it is used.
 */
#include "mqtt_packet.h"

static uint16_t u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* 2.2.2: the low four bits are fixed for every packet but PUBLISH. */
static bool flags_valid(enum mqtt_packet_type type, uint8_t flags)
{
    switch (type) {
    case MQTT_PUBLISH:
        return (flags >> 1 & 3) != 3; /* 3.3.1.2: QoS 3 does not exist */
    case MQTT_PUBREL:
        return flags == 2;
    case MQTT_CONNACK:
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBCOMP:
    case MQTT_SUBACK:
    case MQTT_UNSUBACK:
    case MQTT_PINGRESP:
        return flags == 0;
    default:
        return false; /* reserved, or sent by clients alone */
    }
}

static bool remaining_valid(const struct mqtt_header *header)
{
    const size_t remaining = header->total_len - header->header_len;
    switch (header->type) {
    case MQTT_PUBLISH:
        return remaining >= (header->qos > 0 ? 4u : 2u);
    case MQTT_SUBACK:
        return remaining >= 3;
    case MQTT_PINGRESP:
        return remaining == 0;
    default:
        return remaining == 2;
    }
}

enum mqtt_decode mqtt_decode_header(const uint8_t *bytes, size_t len, struct mqtt_header *header)
{
    if (len == 0) {
        return MQTT_DECODE_MORE;
    }
    header->type = (enum mqtt_packet_type)(bytes[0] >> 4);
    if (!flags_valid(header->type, bytes[0] & 0x0f)) {
        return MQTT_DECODE_MALFORMED;
    }
    const bool is_publish = header->type == MQTT_PUBLISH;
    header->dup = is_publish && (bytes[0] & 8) != 0;
    header->qos = is_publish ? bytes[0] >> 1 & 3 : 0;
    header->retain = is_publish && (bytes[0] & 1) != 0;

    size_t remaining = 0;
    for (size_t i = 1; i < MQTT_FIXED_HEADER_MAX; i++) {
        if (i >= len) {
            return MQTT_DECODE_MORE;
        }
        remaining |= (size_t)(bytes[i] & 0x7f) << (7 * (i - 1));
        if ((bytes[i] & 0x80) == 0) {
            header->header_len = i + 1;
            header->total_len = header->header_len + remaining;
            return remaining_valid(header) ? MQTT_DECODE_OK : MQTT_DECODE_MALFORMED;
        }
    }
    return MQTT_DECODE_MALFORMED; /* a fifth byte of remaining length */
}

enum mqtt_decode mqtt_decode_publish(const uint8_t *bytes, size_t len, const struct mqtt_header *header,
                                     struct mqtt_publish *publish)
{
    const size_t id_len = header->qos > 0 ? 2 : 0;
    const size_t topic_at = header->header_len + 2;
    publish->payload_offset = 0;
    if (len < topic_at) {
        return MQTT_DECODE_MORE;
    }
    publish->topic_len = u16(bytes + header->header_len);
    publish->payload_offset = topic_at + publish->topic_len + id_len;
    /* 3.3.2.1: a topic name has at least one character. */
    if (publish->topic_len == 0 || publish->payload_offset > header->total_len) {
        return MQTT_DECODE_MALFORMED;
    }
    if (len < publish->payload_offset) {
        return MQTT_DECODE_MORE;
    }
    publish->topic = (const char *)bytes + topic_at;
    publish->msg_id = id_len > 0 ? u16(bytes + publish->payload_offset - 2) : 0;
    publish->payload_len = header->total_len - publish->payload_offset;
    return id_len > 0 && publish->msg_id == 0 ? MQTT_DECODE_MALFORMED : MQTT_DECODE_OK; /* 2.3.1 */
}

bool mqtt_decode_connack(const uint8_t *bytes, const struct mqtt_header *header, bool *session_present, int *code)
{
    if (header->type != MQTT_CONNACK) {
        return false;
    }
    const uint8_t *body = bytes + header->header_len;
    *session_present = (body[0] & 1) != 0;
    *code = body[1];
    return (body[0] & ~1u) == 0; /* 3.2.2.1 */
}

bool mqtt_decode_ack(const uint8_t *bytes, const struct mqtt_header *header, uint16_t *msg_id)
{
    *msg_id = u16(bytes + header->header_len);
    return *msg_id != 0;
}

bool mqtt_decode_suback(const uint8_t *bytes, const struct mqtt_header *header, uint16_t *msg_id, const uint8_t **codes,
                        size_t *count)
{
    *codes = bytes + header->header_len + 2;
    *count = header->total_len - header->header_len - 2;
    for (size_t i = 0; i < *count; i++) {
        if ((*codes)[i] > 2 && (*codes)[i] != 0x80) { /* 3.9.3 */
            return false;
        }
    }
    return mqtt_decode_ack(bytes, header, msg_id);
}
