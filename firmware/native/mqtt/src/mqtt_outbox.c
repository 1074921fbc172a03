/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The outbox: a singly linked list in the order of publishing, one heap block an item.
 */
#include <stdlib.h>
#include <string.h>
#include "mqtt_outbox.h"

void mqtt_outbox_init(struct mqtt_outbox *outbox)
{
    outbox->first = NULL;
    outbox->tail = &outbox->first;
    outbox->bytes = 0;
}

struct mqtt_outbox_item *mqtt_outbox_add(struct mqtt_outbox *outbox, const void *head, size_t head_len,
                                         const void *payload, size_t payload_len)
{
    struct mqtt_outbox_item *item = malloc(sizeof(*item) + head_len + payload_len);
    if (item == NULL) {
        return NULL;
    }
    memset(item, 0, sizeof(*item));
    item->len = head_len + payload_len;
    memcpy(item->packet, head, head_len);
    if (payload_len > 0) {
        memcpy(item->packet + head_len, payload, payload_len);
    }
    *outbox->tail = item;
    outbox->tail = &item->next;
    outbox->bytes += item->len;
    return item;
}

struct mqtt_outbox_item *mqtt_outbox_first(struct mqtt_outbox *outbox, enum mqtt_outbox_state state)
{
    struct mqtt_outbox_item *item = outbox->first;
    while (item != NULL && item->state != state) {
        item = item->next;
    }
    return item;
}

struct mqtt_outbox_item *mqtt_outbox_find(struct mqtt_outbox *outbox, enum mqtt_packet_type type, uint16_t msg_id)
{
    struct mqtt_outbox_item *item = outbox->first;
    while (item != NULL && (item->type != type || item->msg_id != msg_id)) {
        item = item->next;
    }
    return item;
}

bool mqtt_outbox_has_id(const struct mqtt_outbox *outbox, uint16_t msg_id)
{
    for (const struct mqtt_outbox_item *item = outbox->first; item != NULL; item = item->next) {
        if (item->msg_id == msg_id) {
            return true;
        }
    }
    return false;
}

void mqtt_outbox_remove(struct mqtt_outbox *outbox, struct mqtt_outbox_item *item)
{
    struct mqtt_outbox_item **link = &outbox->first;
    while (*link != NULL && *link != item) {
        link = &(*link)->next;
    }
    if (*link == NULL) {
        return;
    }
    *link = item->next;
    if (item->next == NULL) {
        outbox->tail = link;
    }
    outbox->bytes -= item->len;
    free(item);
}

int mqtt_outbox_expire_one(struct mqtt_outbox *outbox, int64_t now_ms, int64_t max_age_ms)
{
    for (struct mqtt_outbox_item *item = outbox->first; item != NULL; item = item->next) {
        if (now_ms - item->since_ms > max_age_ms) {
            const int msg_id = item->msg_id;
            mqtt_outbox_remove(outbox, item);
            return msg_id;
        }
    }
    return -1;
}

void mqtt_outbox_clear(struct mqtt_outbox *outbox)
{
    while (outbox->first != NULL) {
        mqtt_outbox_remove(outbox, outbox->first);
    }
}
