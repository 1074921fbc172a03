/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The cable between the board and the network: it can be cut, lose frames and delay them, both ways alike. It also
 * stops every frame that would leave 10.0.2.0/24, since slirp would pass it on to the real network.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#define WIRE_MAX_FRAME 2048u /* bytes; Ethernet needs 1514 */

enum wire_way {
    WIRE_FROM_BOARD,
    WIRE_TO_BOARD
};

typedef void (*wire_deliver_fn)(void *ctx, enum wire_way way, const uint8_t *frame, size_t len);

struct wire_frame;
STAILQ_HEAD(wire_queue, wire_frame);

struct wire {
    bool link_up;
    double loss; /* share of frames, 0 to 1 */
    uint32_t delay_ms;
    uint64_t random[2];          /* by way, so that the loss of one way does not depend on when the other was used */
    struct wire_queue under_way; /* in the order of sending: a cable does not overtake itself */
    unsigned under_way_count;
    wire_deliver_fn deliver;
    void *ctx;
};

void wire_init(struct wire *wire, uint32_t seed, wire_deliver_fn deliver, void *ctx);
void wire_send(struct wire *wire, enum wire_way way, const uint8_t *frame, size_t len);

/** @return ms until the next frame arrives, -1 when none is under way. */
int64_t wire_next_arrival_ms(const struct wire *wire);
void wire_deliver_due(struct wire *wire);

/** Link down loses what is under way, too. */
void wire_set_link(struct wire *wire, bool up);
void wire_close(struct wire *wire);
