/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * MQTT 3.1.1 packets to bytes.
 *
 * A packet is measured before it is written (the remaining length comes first), so a writer that runs out of room
 * means only that the caller's buffer is too small.
 */
#include <string.h>
#include "mqtt_packet.h"

struct writer {
    uint8_t *bytes;
    size_t size, len;
    bool failed;
};

static void put(struct writer *w, const void *bytes, size_t len)
{
    if (w->failed || len > w->size - w->len) {
        w->failed = true;
        return;
    }
    if (len > 0) {
        memcpy(w->bytes + w->len, bytes, len);
    }
    w->len += len;
}

static void put_u8(struct writer *w, unsigned value)
{
    const uint8_t byte = (uint8_t)value;
    put(w, &byte, 1);
}

static void put_u16(struct writer *w, size_t value)
{
    put_u8(w, (unsigned)(value >> 8) & 0xff);
    put_u8(w, (unsigned)value & 0xff);
}

static void put_field(struct writer *w, const void *bytes, size_t len)
{
    if (len > MQTT_STRING_MAX) {
        w->failed = true;
        return;
    }
    put_u16(w, len);
    put(w, bytes, len);
}

static void put_string(struct writer *w, const char *text)
{
    put_field(w, text, strlen(text));
}

static struct writer begin(uint8_t *bytes, size_t size, enum mqtt_packet_type type, unsigned flags, size_t remaining)
{
    struct writer w = {.bytes = bytes, .size = size, .failed = remaining > MQTT_REMAINING_MAX};
    put_u8(&w, (unsigned)type << 4 | flags);
    do {
        const unsigned more = remaining > 0x7f ? 0x80 : 0;
        put_u8(&w, (unsigned)(remaining & 0x7f) | more);
        remaining >>= 7;
    } while (remaining > 0);
    return w;
}

static size_t finish(const struct writer *w)
{
    return w->failed ? 0 : w->len;
}

static size_t field_len(const char *text)
{
    return text != NULL ? 2 + strlen(text) : 0;
}

size_t mqtt_encode_connect(uint8_t *bytes, size_t size, const struct mqtt_connect *connect)
{
    const char *client_id = connect->client_id != NULL ? connect->client_id : "";
    size_t remaining = 10 + field_len(client_id) + field_len(connect->username) + field_len(connect->password);
    unsigned flags = connect->clean_session ? 0x02 : 0;
    if (connect->will_topic != NULL) {
        remaining += field_len(connect->will_topic) + 2 + connect->will_len;
        flags |= 0x04 | ((unsigned)connect->will_qos & 3) << 3 | (connect->will_retain ? 0x20 : 0);
    }
    flags |= (connect->password != NULL ? 0x40 : 0) | (connect->username != NULL ? 0x80 : 0);

    struct writer w = begin(bytes, size, MQTT_CONNECT, 0, remaining);
    put_string(&w, "MQTT");
    put_u8(&w, 4); /* protocol level of 3.1.1 */
    put_u8(&w, flags);
    put_u16(&w, connect->keepalive_s);
    put_string(&w, client_id);
    if (connect->will_topic != NULL) {
        put_string(&w, connect->will_topic);
        put_field(&w, connect->will_msg, connect->will_len);
    }
    if (connect->username != NULL) {
        put_string(&w, connect->username);
    }
    if (connect->password != NULL) {
        put_string(&w, connect->password);
    }
    return finish(&w);
}

size_t mqtt_encode_publish_head(uint8_t *bytes, size_t size, const char *topic, size_t payload_len, int qos,
                                bool retain, uint16_t msg_id)
{
    const size_t remaining = field_len(topic) + (qos > 0 ? 2 : 0) + payload_len;
    struct writer w = begin(bytes, size, MQTT_PUBLISH, (unsigned)qos << 1 | (retain ? 1 : 0), remaining);
    put_string(&w, topic);
    if (qos > 0) {
        put_u16(&w, msg_id);
    }
    return finish(&w);
}

size_t mqtt_encode_subscribe(uint8_t *bytes, size_t size, const char *const *filters, const int *qos, size_t count,
                             uint16_t msg_id)
{
    size_t remaining = 2;
    for (size_t i = 0; i < count; i++) {
        remaining += field_len(filters[i]) + 1;
    }
    struct writer w = begin(bytes, size, MQTT_SUBSCRIBE, 2, remaining);
    put_u16(&w, msg_id);
    for (size_t i = 0; i < count; i++) {
        put_string(&w, filters[i]);
        put_u8(&w, (unsigned)qos[i] & 3);
    }
    return finish(&w);
}

size_t mqtt_encode_unsubscribe(uint8_t *bytes, size_t size, const char *filter, uint16_t msg_id)
{
    struct writer w = begin(bytes, size, MQTT_UNSUBSCRIBE, 2, 2 + field_len(filter));
    put_u16(&w, msg_id);
    put_string(&w, filter);
    return finish(&w);
}

size_t mqtt_encode_ack(uint8_t *bytes, size_t size, enum mqtt_packet_type type, uint16_t msg_id)
{
    struct writer w = begin(bytes, size, type, type == MQTT_PUBREL ? 2 : 0, 2);
    put_u16(&w, msg_id);
    return finish(&w);
}

size_t mqtt_encode_bare(uint8_t *bytes, size_t size, enum mqtt_packet_type type)
{
    const struct writer w = begin(bytes, size, type, 0, 0);
    return finish(&w);
}

void mqtt_set_dup(uint8_t *packet)
{
    packet[0] |= 8;
}
