/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The outbox: order, states, expiry, and that its byte count is what it holds.
 */
#include "check.h"
#include "mqtt_outbox.h"

static struct mqtt_outbox_item *add(struct mqtt_outbox *outbox, uint16_t msg_id, int64_t since_ms)
{
    struct mqtt_outbox_item *item = mqtt_outbox_add(outbox, "head", 4, "payload", 7);
    CHECK(item != NULL);
    item->type = MQTT_PUBLISH;
    item->msg_id = msg_id;
    item->since_ms = since_ms;
    return item;
}

static void keeps_order(void)
{
    struct mqtt_outbox outbox;
    mqtt_outbox_init(&outbox);
    add(&outbox, 1, 0);
    struct mqtt_outbox_item *second = add(&outbox, 2, 0);
    add(&outbox, 3, 0);
    CHECK_EQ(33, outbox.bytes);
    CHECK_BYTES("headpayload", 11, second->packet, second->len);
    CHECK_EQ(1, mqtt_outbox_first(&outbox, MQTT_OUTBOX_QUEUED)->msg_id);

    outbox.first->state = MQTT_OUTBOX_TRANSMITTED;
    CHECK_EQ(2, mqtt_outbox_first(&outbox, MQTT_OUTBOX_QUEUED)->msg_id);
    CHECK_EQ(1, mqtt_outbox_first(&outbox, MQTT_OUTBOX_TRANSMITTED)->msg_id);
    CHECK(mqtt_outbox_first(&outbox, MQTT_OUTBOX_RELEASED) == NULL);

    mqtt_outbox_remove(&outbox, second);
    CHECK(mqtt_outbox_find(&outbox, MQTT_PUBLISH, 2) == NULL);
    CHECK(mqtt_outbox_find(&outbox, MQTT_SUBSCRIBE, 3) == NULL);
    mqtt_outbox_remove(&outbox, mqtt_outbox_find(&outbox, MQTT_PUBLISH, 3)); /* the last: the tail must follow */
    add(&outbox, 4, 0);
    CHECK(mqtt_outbox_has_id(&outbox, 1) && !mqtt_outbox_has_id(&outbox, 3) && mqtt_outbox_has_id(&outbox, 4));
    CHECK_EQ(4, outbox.first->next->msg_id);
    CHECK_EQ(22, outbox.bytes);
    mqtt_outbox_clear(&outbox);
    CHECK_EQ(0, outbox.bytes);
    CHECK(outbox.first == NULL && outbox.tail == &outbox.first);
    add(&outbox, 5, 0);
    mqtt_outbox_clear(&outbox);
}

static void expires_the_old(void)
{
    struct mqtt_outbox outbox;
    mqtt_outbox_init(&outbox);
    add(&outbox, 1, 1000);
    add(&outbox, 2, 0);
    add(&outbox, 3, 10);
    CHECK_EQ(-1, mqtt_outbox_expire_one(&outbox, 30000, 30000));
    CHECK_EQ(2, mqtt_outbox_expire_one(&outbox, 30001, 30000));
    CHECK_EQ(-1, mqtt_outbox_expire_one(&outbox, 30001, 30000));
    CHECK_EQ(3, mqtt_outbox_expire_one(&outbox, 30011, 30000));
    CHECK_EQ(11, outbox.bytes);
    mqtt_outbox_clear(&outbox);
}

int main(void)
{
    keeps_order();
    expires_the_old();
    return 0;
}
