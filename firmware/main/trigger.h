/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The order to update: what it says, and whether it is to be obeyed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "signature.h"

#define TRIGGER_MAX_BYTES 2048 /* of a message, the signed form included */

typedef enum {
    STOP_GRACEFUL,
    STOP_PLAIN,
    STOP_KILL_TASK,
    STOP_CLOSE_RECORDED,
    STOP_CLOSE_ALL,
    STOP_STRATEGIES, /* how many there are */
} stop_strategy_t;

typedef struct {
    char url[257];
    char version[32];
    uint8_t sha256[32]; /* of the file */
    uint32_t size;      /* of the file, bytes */
    uint64_t counter;
    stop_strategy_t stop;
    bool reuse;        /* close_recorded: open a connection at once, to reuse_to */
    char reuse_to[48]; /* address:port */
} trigger_t;

/** What a trigger is held against. */
typedef struct {
    const char *device_id;
    const char *running_version;
    const signature_key_t *key; /* not NULL */
    bool has_ca;                /* a server's certificate can be verified */
    uint32_t slot_bytes;        /* the largest image that fits */
    uint64_t last_counter;
} trigger_context_t;

/** The name of a strategy as it stands in a trigger. */
const char *stop_strategy_name(stop_strategy_t strategy);

/**
 * Reads and checks a trigger. Changes nothing.
 * @return NULL when it is to be obeyed, or the reason for refusing it: `too_large`, what
 * trigger_envelope_open() gives, `malformed`, `other_device`, `replayed`, `same_version`, `image_too_large`, `no_ca`,
 * `strategy_unknown`, `strategy_not_built`.  Any task.
 */
const char *trigger_check(const char *message, size_t len, const trigger_context_t *context, trigger_t *out);
