/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a broker sends, packet by packet.
 */
#include "fuzz.h"

#include "mqtt_packet.h"

static void look_at(const uint8_t *bytes, size_t len, const struct mqtt_header *header)
{
    struct mqtt_publish publish;
    bool present;
    int code;
    uint16_t id;
    const uint8_t *codes;
    size_t count;

    if (header->type == MQTT_PUBLISH) {
        if (mqtt_decode_publish(bytes, len, header, &publish) == MQTT_DECODE_OK) {
            HOLDS((const uint8_t *)publish.topic + publish.topic_len <= bytes + len);
            HOLDS(publish.payload_offset + publish.payload_len == header->total_len);
            free(fuzz_text(publish.topic, publish.topic_len));
        }
        return;
    }
    if (header->total_len > len) {
        return;
    }
    switch (header->type) {
    case MQTT_CONNACK:
        mqtt_decode_connack(bytes, header, &present, &code);
        break;
    case MQTT_SUBACK:
        if (mqtt_decode_suback(bytes, header, &id, &codes, &count)) {
            HOLDS(codes + count <= bytes + len);
        }
        break;
    case MQTT_PINGRESP:
        break;
    default:
        mqtt_decode_ack(bytes, header, &id);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mqtt_header header;

    while (size > 0 && mqtt_decode_header(data, size, &header) == MQTT_DECODE_OK) {
        HOLDS(header.header_len >= 2 && header.header_len <= MQTT_FIXED_HEADER_MAX);
        HOLDS(header.total_len >= header.header_len);
        look_at(data, size, &header);
        if (header.total_len > size) {
            break;
        }
        data += header.total_len;
        size -= header.total_len;
    }
    return 0;
}
