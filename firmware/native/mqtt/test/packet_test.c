/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The packet code against bytes written out by hand from the standard, and against bytes no broker should send.
 * Built with AddressSanitizer: every decoded packet lies in a heap block of its exact length.
 */
#include "check.h"
#include "mqtt_packet.h"

#define BYTES(...) {__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static enum mqtt_decode decode_exact(const uint8_t *bytes, size_t len, struct mqtt_header *header)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    memcpy(copy, bytes, len);
    enum mqtt_decode result = mqtt_decode_header(copy, len, header);
    free(copy);
    return result;
}

static void connect_with_everything(void)
{
    static const uint8_t expected[] = {
        0x10, 38,  0,   4,   'M', 'Q', 'T', 'T', 4, 0xee, 0,   60, /* user, password, will retain, QoS 1, clean */
        0,    2,   'i', 'd', 0,   1,   't', 0,   7, 'o',  'f', 'f', 'l', 'i',
        'n',  'e', 0,   4,   'u', 's', 'e', 'r', 0, 4,    'p', 'a', 's', 's',
    };
    const struct mqtt_connect connect = {
        .client_id = "id",
        .username = "user",
        .password = "pass",
        .will_topic = "t",
        .will_msg = "offline",
        .will_len = 7,
        .will_qos = 1,
        .will_retain = true,
        .clean_session = true,
        .keepalive_s = 60,
    };
    uint8_t bytes[64];
    size_t len = mqtt_encode_connect(bytes, sizeof(bytes), &connect);
    CHECK_BYTES(expected, sizeof(expected), bytes, len);
    for (size_t size = 0; size < len; size++) {
        CHECK_EQ(0, mqtt_encode_connect(bytes, size, &connect));
    }
}

static void connect_with_nothing(void)
{
    const struct mqtt_connect connect = {.clean_session = true};
    uint8_t bytes[32];
    size_t len = mqtt_encode_connect(bytes, sizeof(bytes), &connect);
    const uint8_t expected[] = {0x10, 12, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 0};
    CHECK_BYTES(expected, sizeof(expected), bytes, len);
}

static void requests(void)
{
    uint8_t bytes[64];
    const char *filters[] = {"a/#", "b"};
    const int qos[] = {1, 0};
    size_t len = mqtt_encode_subscribe(bytes, sizeof(bytes), filters, qos, 2, 0x1234);
    const uint8_t subscribe[] = {0x82, 12, 0x12, 0x34, 0, 3, 'a', '/', '#', 1, 0, 1, 'b', 0};
    CHECK_BYTES(subscribe, sizeof(subscribe), bytes, len);

    len = mqtt_encode_unsubscribe(bytes, sizeof(bytes), "b", 2);
    const uint8_t unsubscribe[] = {0xa2, 5, 0, 2, 0, 1, 'b'};
    CHECK_BYTES(unsubscribe, sizeof(unsubscribe), bytes, len);

    len = mqtt_encode_ack(bytes, sizeof(bytes), MQTT_PUBREL, 7);
    const uint8_t pubrel[] = {0x62, 2, 0, 7};
    CHECK_BYTES(pubrel, sizeof(pubrel), bytes, len);

    len = mqtt_encode_bare(bytes, sizeof(bytes), MQTT_PINGREQ);
    const uint8_t ping[] = {0xc0, 0};
    CHECK_BYTES(ping, sizeof(ping), bytes, len);
}

static void publish_there_and_back(void)
{
    static const size_t lengths[] = {0, 1, 121, 122, 123, 16376, 16377, 16378, 2097144, 2097145, 268435447};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        for (int qos = 0; qos <= 2; qos++) {
            uint8_t bytes[32];
            const size_t payload = lengths[i];
            size_t len = mqtt_encode_publish_head(bytes, sizeof(bytes), "t/x", payload, qos, true, 99);
            CHECK(len > 0);
            struct mqtt_header header;
            struct mqtt_publish publish;
            CHECK_EQ(MQTT_DECODE_OK, mqtt_decode_header(bytes, len, &header));
            CHECK_EQ(MQTT_PUBLISH, header.type);
            CHECK_EQ(qos, header.qos);
            CHECK(header.retain && !header.dup);
            CHECK_EQ(len + payload, header.total_len);
            CHECK_EQ(MQTT_DECODE_OK, mqtt_decode_publish(bytes, len, &header, &publish));
            CHECK_BYTES("t/x", 3, publish.topic, publish.topic_len);
            CHECK_EQ(qos > 0 ? 99 : 0, publish.msg_id);
            CHECK_EQ(len, publish.payload_offset);
            CHECK_EQ(payload, publish.payload_len);
            mqtt_set_dup(bytes);
            CHECK_EQ(MQTT_DECODE_OK, mqtt_decode_header(bytes, len, &header));
            CHECK(header.dup);
            for (size_t part = 0; part < len; part++) {
                enum mqtt_decode result = decode_exact(bytes, part, &header);
                CHECK(result == MQTT_DECODE_MORE || part >= header.header_len);
                if (result == MQTT_DECODE_OK) {
                    CHECK_EQ(MQTT_DECODE_MORE, mqtt_decode_publish(bytes, part, &header, &publish));
                }
            }
        }
    }
}

static void too_long(void)
{
    uint8_t bytes[64];
    CHECK_EQ(0, mqtt_encode_publish_head(bytes, sizeof(bytes), "t", MQTT_REMAINING_MAX, 0, false, 0));
    char *topic = malloc(MQTT_STRING_MAX + 2);
    uint8_t *big = malloc(MQTT_STRING_MAX + 64);
    memset(topic, 'x', MQTT_STRING_MAX + 1);
    topic[MQTT_STRING_MAX + 1] = '\0';
    CHECK_EQ(0, mqtt_encode_publish_head(big, MQTT_STRING_MAX + 64, topic, 0, 0, false, 0));
    topic[MQTT_STRING_MAX] = '\0';
    CHECK(mqtt_encode_publish_head(big, MQTT_STRING_MAX + 64, topic, 0, 0, false, 0) > MQTT_STRING_MAX);
    free(big);
    free(topic);
}

static void answers(void)
{
    struct mqtt_header header;
    uint16_t msg_id;
    bool session_present;
    int code;
    const uint8_t connack[] = {0x20, 2, 1, 5};
    CHECK_EQ(MQTT_DECODE_OK, mqtt_decode_header(connack, sizeof(connack), &header));
    CHECK(mqtt_decode_connack(connack, &header, &session_present, &code));
    CHECK(session_present);
    CHECK_EQ(5, code);

    const uint8_t puback[] = {0x40, 2, 0xab, 0xcd};
    CHECK_EQ(MQTT_DECODE_OK, mqtt_decode_header(puback, sizeof(puback), &header));
    CHECK(mqtt_decode_ack(puback, &header, &msg_id));
    CHECK_EQ(0xabcd, msg_id);
    CHECK(!mqtt_decode_connack(puback, &header, &session_present, &code));

    const uint8_t suback[] = {0x90, 5, 0, 1, 0, 2, 0x80};
    const uint8_t *codes;
    size_t count;
    CHECK_EQ(MQTT_DECODE_OK, mqtt_decode_header(suback, sizeof(suback), &header));
    CHECK(mqtt_decode_suback(suback, &header, &msg_id, &codes, &count));
    CHECK_EQ(1, msg_id);
    CHECK_BYTES(suback + 4, 3, codes, count);
}

static void malformed(void)
{
    static const struct {
        const char *what;
        uint8_t bytes[8];
        size_t len;
    } rows[] = {
        {"type 0", BYTES(0x00, 0)},
        {"type 15", BYTES(0xf0, 0)},
        {"CONNECT from a broker", BYTES(0x10, 0)},
        {"SUBSCRIBE from a broker", BYTES(0x82, 5)},
        {"PINGREQ from a broker", BYTES(0xc0, 0)},
        {"DISCONNECT from a broker", BYTES(0xe0, 0)},
        {"PUBLISH with QoS 3", BYTES(0x36, 10)},
        {"PUBACK with flags", BYTES(0x41, 2)},
        {"PUBREL without flags", BYTES(0x60, 2)},
        {"remaining length of five bytes", BYTES(0x30, 0x80, 0x80, 0x80, 0x80, 1)},
        {"remaining length of four bytes and more to come", BYTES(0x30, 0xff, 0xff, 0xff, 0xff)},
        {"empty PUBLISH", BYTES(0x30, 0)},
        {"PUBLISH with QoS 1 and no room for an id", BYTES(0x32, 3)},
        {"empty CONNACK", BYTES(0x20, 0)},
        {"long CONNACK", BYTES(0x20, 3)},
        {"short PUBACK", BYTES(0x40, 1)},
        {"SUBACK without a code", BYTES(0x90, 2)},
        {"PINGRESP with a body", BYTES(0xd0, 1)},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mqtt_header header;
        if (decode_exact(rows[i].bytes, rows[i].len, &header) != MQTT_DECODE_MALFORMED) {
            fprintf(stderr, "taken as well-formed: %s\n", rows[i].what);
            exit(1);
        }
    }
}

static void malformed_bodies(void)
{
    struct mqtt_header header;
    struct mqtt_publish publish;
    const uint8_t topic_past_end[] = {0x30, 4, 0, 3, 'a', 'b'};
    CHECK_EQ(MQTT_DECODE_OK, mqtt_decode_header(topic_past_end, sizeof(topic_past_end), &header));
    CHECK_EQ(MQTT_DECODE_MALFORMED, mqtt_decode_publish(topic_past_end, sizeof(topic_past_end), &header, &publish));
    const uint8_t no_topic[] = {0x30, 3, 0, 0, 'x'};
    CHECK_EQ(MQTT_DECODE_OK, mqtt_decode_header(no_topic, sizeof(no_topic), &header));
    CHECK_EQ(MQTT_DECODE_MALFORMED, mqtt_decode_publish(no_topic, sizeof(no_topic), &header, &publish));
    const uint8_t id_zero[] = {0x32, 5, 0, 1, 'a', 0, 0};
    CHECK_EQ(MQTT_DECODE_OK, mqtt_decode_header(id_zero, sizeof(id_zero), &header));
    CHECK_EQ(MQTT_DECODE_MALFORMED, mqtt_decode_publish(id_zero, sizeof(id_zero), &header, &publish));
    const uint8_t no_room_for_id[] = {0x32, 4, 0, 2, 'a', 'b'};
    CHECK_EQ(MQTT_DECODE_OK, mqtt_decode_header(no_room_for_id, sizeof(no_room_for_id), &header));
    CHECK_EQ(MQTT_DECODE_MALFORMED, mqtt_decode_publish(no_room_for_id, sizeof(no_room_for_id), &header, &publish));

    uint16_t msg_id;
    const uint8_t *codes;
    size_t count;
    const uint8_t bad_code[] = {0x90, 3, 0, 1, 3};
    CHECK_EQ(MQTT_DECODE_OK, mqtt_decode_header(bad_code, sizeof(bad_code), &header));
    CHECK(!mqtt_decode_suback(bad_code, &header, &msg_id, &codes, &count));
    bool session_present;
    int code;
    const uint8_t bad_connack[] = {0x20, 2, 2, 0};
    CHECK_EQ(MQTT_DECODE_OK, mqtt_decode_header(bad_connack, sizeof(bad_connack), &header));
    CHECK(!mqtt_decode_connack(bad_connack, &header, &session_present, &code));
}

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13; /* xorshift32 */
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* Whatever the bytes are, what is decoded must lie within them. */
static void any_bytes(void)
{
    uint32_t state = 1;
    int publishes = 0, subacks = 0;
    for (int round = 0; round < 300000; round++) {
        const size_t len = next_random(&state) % 48;
        uint8_t *bytes = malloc(len > 0 ? len : 1);
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (uint8_t)next_random(&state);
        }
        if (len > 3 && round % 2 == 0) { /* half of them look like packets */
            bytes[0] = (uint8_t[]){0x30, 0x32, 0x3d, 0x90, 0x20, 0x40}[next_random(&state) % 6];
            bytes[1] = (uint8_t)(next_random(&state) % 48);
            bytes[2] = 0;
        }
        struct mqtt_header header;
        if (mqtt_decode_header(bytes, len, &header) == MQTT_DECODE_OK) {
            struct mqtt_publish publish;
            uint16_t msg_id;
            CHECK(header.header_len >= 2 && header.header_len <= len && header.total_len >= header.header_len);
            if (header.type == MQTT_PUBLISH && mqtt_decode_publish(bytes, len, &header, &publish) == MQTT_DECODE_OK) {
                CHECK(publish.payload_offset <= len);
                CHECK((const uint8_t *)publish.topic + publish.topic_len <= bytes + len);
                CHECK_EQ(header.total_len, publish.payload_offset + publish.payload_len);
                publishes++;
            } else if (header.type == MQTT_SUBACK && header.total_len <= len) {
                const uint8_t *codes;
                size_t count;
                if (mqtt_decode_suback(bytes, &header, &msg_id, &codes, &count)) {
                    CHECK(codes + count <= bytes + len);
                    subacks++;
                }
            } else if (header.type != MQTT_PUBLISH && header.type != MQTT_PINGRESP && header.total_len <= len) {
                mqtt_decode_ack(bytes, &header, &msg_id);
            }
        }
        free(bytes);
    }
    CHECK(publishes > 1000 && subacks > 0); /* else the bytes were not hostile enough to get that far */
}

int main(void)
{
    connect_with_everything();
    connect_with_nothing();
    requests();
    publish_there_and_back();
    too_long();
    answers();
    malformed();
    malformed_bodies();
    any_bytes();
    return 0;
}
