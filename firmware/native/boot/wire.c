/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Loss, delay, link state and the boundary of 10.0.2.0/24: one place for every frame, both ways.
 */
#include "wire.h"

#include <stdlib.h>
#include <string.h>

#include "board_clock.h"

/* Frames under way at once; 6 MB. What does not fit is lost, as in a full switch. */
#define MAX_UNDER_WAY 4096u

#define ETHERNET_HEAD    14u
#define ETHERTYPE_IPV4   0x0800
#define ETHERTYPE_ARP    0x0806
#define IPV4_HEAD        20u
#define IPV4_UDP         17
#define PORT_DHCP_SERVER 67

struct wire_frame {
    STAILQ_ENTRY(wire_frame) next;
    int64_t due_ns;
    enum wire_way way;
    size_t len;
    uint8_t bytes[];
};

static unsigned big_endian_16(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

static bool is_dhcp_broadcast(const uint8_t *ip, size_t len)
{
    static const uint8_t EVERYONE[4] = {255, 255, 255, 255};
    size_t head = (ip[0] & 15u) * 4u;
    return memcmp(ip + 16, EVERYONE, 4) == 0 && ip[9] == IPV4_UDP && len >= head + 8 &&
           big_endian_16(ip + head + 2) == PORT_DHCP_SERVER;
}

/* 10.0.2.3 is slirp's name server, which asks the runner's own: that, too, would leave the runner. */
static bool stays_inside(const uint8_t *frame, size_t len)
{
    if (len < ETHERNET_HEAD) {
        return false;
    }
    unsigned type = big_endian_16(frame + 12);
    if (type == ETHERTYPE_ARP) {
        return true;
    }
    if (type != ETHERTYPE_IPV4 || len < ETHERNET_HEAD + IPV4_HEAD) {
        return false;
    }
    const uint8_t *ip = frame + ETHERNET_HEAD;
    const uint8_t *to = ip + 16;
    if (to[0] == 10 && to[1] == 0 && to[2] == 2) {
        return to[3] != 3;
    }
    return is_dhcp_broadcast(ip, len - ETHERNET_HEAD);
}

/* splitmix64 (Steele, Lea, Flood 2014): any seed is a good one. */
static double random_share(uint64_t *state)
{
    uint64_t mixed = *state += 0x9E3779B97F4A7C15u;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
    mixed ^= mixed >> 31;
    return (double)(mixed >> 11) / 9007199254740992.0; /* 2^53 */
}

void wire_init(struct wire *wire, uint32_t seed, wire_deliver_fn deliver, void *ctx)
{
    *wire = (struct wire){.link_up = true, .random = {seed, ~(uint64_t)seed}, .deliver = deliver, .ctx = ctx};
    STAILQ_INIT(&wire->under_way);
}

void wire_send(struct wire *wire, enum wire_way way, const uint8_t *frame, size_t len)
{
    if (!wire->link_up || (way == WIRE_FROM_BOARD && !stays_inside(frame, len))) {
        return;
    }
    if (wire->loss > 0 && random_share(&wire->random[way]) < wire->loss) {
        return;
    }
    if (wire->delay_ms == 0 && STAILQ_EMPTY(&wire->under_way)) {
        wire->deliver(wire->ctx, way, frame, len);
        return;
    }
    struct wire_frame *sent = wire->under_way_count < MAX_UNDER_WAY ? malloc(sizeof(*sent) + len) : NULL;
    if (sent == NULL) {
        return;
    }
    sent->due_ns = clock_now_ns() + (int64_t)wire->delay_ms * 1000000;
    sent->way = way;
    sent->len = len;
    memcpy(sent->bytes, frame, len);
    STAILQ_INSERT_TAIL(&wire->under_way, sent, next);
    wire->under_way_count++;
}

int64_t wire_next_arrival_ms(const struct wire *wire)
{
    const struct wire_frame *first = STAILQ_FIRST(&wire->under_way);
    if (first == NULL) {
        return -1;
    }
    int64_t left_ns = first->due_ns - clock_now_ns();
    return left_ns < 0 ? 0 : (left_ns + 999999) / 1000000;
}

static struct wire_frame *take_first(struct wire *wire)
{
    struct wire_frame *first = STAILQ_FIRST(&wire->under_way);
    STAILQ_REMOVE_HEAD(&wire->under_way, next);
    wire->under_way_count--;
    return first;
}

void wire_deliver_due(struct wire *wire)
{
    int64_t now_ns = clock_now_ns();
    /* What a delivery sends in answer is due later or, with no delay left, waits for the next turn of the loop. */
    for (unsigned left = wire->under_way_count; left > 0 && STAILQ_FIRST(&wire->under_way)->due_ns <= now_ns; left--) {
        struct wire_frame *arrived = take_first(wire);
        wire->deliver(wire->ctx, arrived->way, arrived->bytes, arrived->len);
        free(arrived);
    }
}

void wire_set_link(struct wire *wire, bool up)
{
    wire->link_up = up;
    while (!up && !STAILQ_EMPTY(&wire->under_way)) {
        free(take_first(wire));
    }
}

void wire_close(struct wire *wire)
{
    wire_set_link(wire, false);
}
