/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Nothing of the fields is looked at before it is known who wrote them. The bytes that are verified are those that are
 * parsed afterwards: the string of the one item `payload`, as cJSON has it after undoing the escapes.
 */
#include "trigger_envelope.h"

#include <stdbool.h>
#include <string.h>

/*
 * A trigger is one object without objects or arrays inside. Looked at before parsing: cJSON recurses, and a message of
 * opening brackets alone would take more stack than a task has.
 */
static bool is_flat(const char *message, size_t len)
{
    bool in_string = false;
    unsigned opened = 0;
    for (size_t i = 0; i < len; i++) {
        if (in_string && message[i] == '\\') {
            i++;
        } else if (message[i] == '"') {
            in_string = !in_string;
        } else if (!in_string && (message[i] == '{' || message[i] == '[')) {
            opened++;
        }
    }
    return opened == 1;
}

/* @return the object, or NULL when it is none. */
static cJSON *parse_flat(const char *text, size_t len)
{
    cJSON *parsed = is_flat(text, len) ? cJSON_ParseWithLength(text, len) : NULL;
    if (parsed != NULL && !cJSON_IsObject(parsed)) {
        cJSON_Delete(parsed);
        parsed = NULL;
    }
    return parsed;
}

static const char *open_signed(const cJSON *payload, const cJSON *sig, const signature_key_t *key, cJSON **fields)
{
    const char *text = cJSON_GetStringValue(payload);
    const char *sig_base64 = cJSON_GetStringValue(sig);
    if (text == NULL || sig_base64 == NULL) {
        return "malformed";
    }
    /* A signature that nobody checks must not look like one that was good. */
    if (key->state == SIGNATURE_KEY_NONE) {
        return "no_trigger_key";
    }
    if (!signature_is_good(key, text, strlen(text), sig_base64)) {
        return "signature";
    }
    *fields = parse_flat(text, strlen(text));
    return *fields == NULL ? "malformed" : NULL;
}

const char *trigger_envelope_open(const char *message, size_t len, const signature_key_t *key, cJSON **fields)
{
    *fields = NULL;
    cJSON *outer = parse_flat(message, len);
    if (outer == NULL) {
        return "malformed";
    }
    const cJSON *payload = cJSON_GetObjectItemCaseSensitive(outer, "payload");
    const cJSON *sig = cJSON_GetObjectItemCaseSensitive(outer, "sig");
    const char *reason;
    if (key->state == SIGNATURE_KEY_UNUSABLE) {
        reason = "trigger_key";
    } else if (payload != NULL || sig != NULL) {
        reason = open_signed(payload, sig, key, fields);
    } else if (key->state == SIGNATURE_KEY_USABLE) {
        reason = "unsigned";
    } else {
        *fields = outer;
        return NULL;
    }
    cJSON_Delete(outer);
    return reason;
}
