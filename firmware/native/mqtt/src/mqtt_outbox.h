/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Messages that wait to be sent or acknowledged, in order. Pure but for the heap; the caller holds the client's
 * lock and says what time it is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "mqtt_packet.h"

enum mqtt_outbox_state {
    MQTT_OUTBOX_QUEUED,      /* not sent yet */
    MQTT_OUTBOX_TRANSMITTED, /* sent, no answer yet */
    MQTT_OUTBOX_RELEASED,    /* QoS 2: PUBREC has come, PUBCOMP has not */
};

struct mqtt_outbox_item {
    struct mqtt_outbox_item *next;
    int64_t since_ms; /* when it was queued, then when it was first sent */
    enum mqtt_outbox_state state;
    enum mqtt_packet_type type;
    uint16_t msg_id; /* 0: QoS 0, stored until it can be sent */
    int qos;
    size_t len;
    uint8_t packet[];
};

struct mqtt_outbox {
    struct mqtt_outbox_item *first, **tail;
    size_t bytes;
};

void mqtt_outbox_init(struct mqtt_outbox *outbox);
/* A new item of head and payload; NULL when the heap has no room for it. */
struct mqtt_outbox_item *mqtt_outbox_add(struct mqtt_outbox *outbox, const void *head, size_t head_len,
                                         const void *payload, size_t payload_len);
/* The oldest in that state, or NULL. */
struct mqtt_outbox_item *mqtt_outbox_first(struct mqtt_outbox *outbox, enum mqtt_outbox_state state);
struct mqtt_outbox_item *mqtt_outbox_find(struct mqtt_outbox *outbox, enum mqtt_packet_type type, uint16_t msg_id);
bool mqtt_outbox_has_id(const struct mqtt_outbox *outbox, uint16_t msg_id);
void mqtt_outbox_remove(struct mqtt_outbox *outbox, struct mqtt_outbox_item *item);
/* Removes one item older than that, and says so by its msg_id; -1 when there is none. */
int mqtt_outbox_expire_one(struct mqtt_outbox *outbox, int64_t now_ms, int64_t max_age_ms);
void mqtt_outbox_clear(struct mqtt_outbox *outbox);
