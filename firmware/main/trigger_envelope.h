/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a trigger comes in: as it is, or signed.
 */
#pragma once

#include <stddef.h>

#include "cJSON.h"

#include "signature.h"

/**
 * Opens a message. With a key provisioned it must be the signed form, `{"payload":"<JSON>","sig":"<base64>"}`, and its
 * signature good; without one it must be the fields themselves.
 *
 * @param fields set on success: the trigger's fields, a flat object, which the caller frees with cJSON_Delete()
 * @return NULL, or the reason for refusing it: `malformed`, `unsigned`, `signature`, `trigger_key`, `no_trigger_key`
 */
const char *trigger_envelope_open(const char *message, size_t len, const signature_key_t *key, cJSON **fields);
