/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Triggers on a board that has a trigger key: only what its owner signed, for this board, once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trigger.h"

#include "expect.h"
#include "signer.h"

#define SHA "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"
#define GOOD                                                                                                    \
    "{\"device\":\"cam-1\",\"url\":\"http://10.0.2.2:8000/update.bin\",\"version\":\"1.1.0\",\"sha256\":\"" SHA \
    "\",\"size\":1000,\"counter\":8}"
#define WITHOUT_DEVICE                                                                     \
    "{\"url\":\"http://10.0.2.2:8000/update.bin\",\"version\":\"1.1.0\",\"sha256\":\"" SHA \
    "\",\"size\":1000,\"counter\":8}"

static signature_key_t s_key;
static trigger_context_t s_context = {
    .device_id = "cam-1",
    .running_version = "1.0.0",
    .key = &s_key,
    .slot_bytes = 0x1E0000,
    .last_counter = 7,
};

static const char *reason_of(const char *message)
{
    trigger_t trigger;
    const char *reason = trigger_check(message, strlen(message), &s_context, &trigger);
    return reason == NULL ? "accepted" : reason;
}

static void expect_reason(const char *expected, const char *message)
{
    const char *reason = reason_of(message);
    EXPECT(strcmp(reason, expected) == 0, "expected %s, got %s for %s", expected, reason, message);
}

/* The payload as a JSON string: its quotes and backslashes escaped. */
static void envelope(const char *payload, const char *sig, char *out, size_t size)
{
    size_t at = (size_t)snprintf(out, size, "{\"payload\":\"");
    for (; *payload != '\0'; payload++) {
        EXPECT(at + 2 < size, "%zu bytes", size);
        if (*payload == '"' || *payload == '\\') {
            out[at++] = '\\';
        }
        out[at++] = *payload;
    }
    EXPECT((size_t)snprintf(out + at, size - at, "\",\"sig\":\"%s\"}", sig) < size - at, "%zu bytes", size);
}

static void expect_signed(signer_t *signer, const char *expected, const char *payload)
{
    char sig[SIGNER_TEXT_MAX];
    char message[TRIGGER_MAX_BYTES];
    signer_sign_base64(signer, payload, strlen(payload), sig);
    envelope(payload, sig, message, sizeof(message));
    expect_reason(expected, message);
}

static void what_is_inside_is_checked_too(signer_t *signer)
{
    expect_signed(signer, "accepted", GOOD);
    expect_signed(signer, "malformed", WITHOUT_DEVICE);
    expect_signed(signer, "malformed", "");
    expect_signed(signer, "malformed", "{");
    expect_signed(signer, "malformed", "7");
    expect_signed(signer, "malformed", "\"a string\"");
    expect_signed(signer, "malformed", "[" GOOD "]");
    expect_signed(signer, "malformed", "{\"payload\":\"{}\",\"sig\":\"MEQ=\"}"); /* one envelope, not two */
    expect_signed(signer, "malformed", "{\"device\":\"cam-1\",\"more\":{\"deep\":[[[[[[]]]]]]}}");
    expect_signed(signer, "other_device",
                  "{\"device\":\"cam-2\",\"url\":\"http://h/u\",\"version\":\"1.1.0\",\"sha256\":\"" SHA
                  "\",\"size\":1000,\"counter\":8}");
    expect_signed(signer, "malformed",
                  "{\"device\":7,\"url\":\"http://h/u\",\"version\":\"1.1.0\",\"sha256\":\"" SHA
                  "\",\"size\":1000,\"counter\":8}");
    char deep[600];
    memset(deep, '[', sizeof(deep));
    deep[sizeof(deep) - 1] = '\0';
    expect_signed(signer, "malformed", deep);
}

static void a_replay_is_refused(signer_t *signer)
{
    char sig[SIGNER_TEXT_MAX];
    char message[TRIGGER_MAX_BYTES];
    signer_sign_base64(signer, GOOD, strlen(GOOD), sig);
    envelope(GOOD, sig, message, sizeof(message));
    expect_reason("accepted", message);
    s_context.last_counter = 8; /* as it is stored on acceptance */
    expect_reason("replayed", message);
    s_context.last_counter = 7;
}

static void nothing_else_will_do(signer_t *signer, signer_t *other)
{
    char sig[SIGNER_TEXT_MAX];
    char message[TRIGGER_MAX_BYTES];
    expect_reason("unsigned", GOOD);
    expect_reason("unsigned", WITHOUT_DEVICE);
    expect_reason("unsigned", "{}");
    expect_reason("unsigned", "{\"Payload\":\"{}\",\"Sig\":\"MEQ=\"}");
    expect_reason("malformed", "{\"payload\":\"{}\"}");
    expect_reason("malformed", "{\"sig\":\"MEQ=\"}");
    expect_reason("malformed", "{\"payload\":\"{}\",\"sig\":1}");
    expect_reason("malformed", "{\"payload\":null,\"sig\":null}");
    expect_reason("malformed", "[]");
    expect_reason("signature", "{\"payload\":\"{}\",\"sig\":\"\"}");
    expect_reason("signature", "{\"payload\":\"\",\"sig\":\"MEQ=\"}");
    expect_signed(other, "signature", GOOD);

    /* One signature, and every payload that differs from what was signed in one byte. */
    char payload[] = GOOD;
    signer_sign_base64(signer, GOOD, strlen(GOOD), sig);
    for (size_t i = 0; i < strlen(GOOD); i++) {
        payload[i] ^= 1;
        envelope(payload, sig, message, sizeof(message));
        const char *reason = reason_of(message);
        EXPECT(strcmp(reason, "signature") == 0, "byte %zu changed: %s", i, reason);
        payload[i] ^= 1;
    }
}

/* The first of two items with one name is both the one that is verified and the one that is obeyed. */
static void a_second_payload_is_not_obeyed(signer_t *signer)
{
    static const char FOR_ANOTHER[] = "{\\\"device\\\":\\\"cam-2\\\"}";
    char sig[SIGNER_TEXT_MAX];
    char signed_one[TRIGGER_MAX_BYTES / 2];
    char message[TRIGGER_MAX_BYTES];
    signer_sign_base64(signer, GOOD, strlen(GOOD), sig);
    envelope(GOOD, sig, signed_one, sizeof(signed_one));
    snprintf(message, sizeof(message), "{\"payload\":\"%s\",%s", FOR_ANOTHER, signed_one + 1);
    expect_reason("signature", message);
    signed_one[strlen(signed_one) - 1] = '\0';
    snprintf(message, sizeof(message), "%s,\"payload\":\"%s\"}", signed_one, FOR_ANOTHER);
    expect_reason("accepted", message);
}

/* A long payload is verified whole: the last of its bytes counts as the first does. */
static void a_long_payload_is_taken(signer_t *signer)
{
    static const char NOTE[] = ",\"note\":\"";
    char payload[1200];
    memset(payload, 'x', sizeof(payload));
    memcpy(payload, GOOD, strlen(GOOD) - 1); /* up to its closing brace */
    memcpy(payload + strlen(GOOD) - 1, NOTE, strlen(NOTE));
    strcpy(payload + sizeof(payload) - 3, "\"}");
    expect_signed(signer, "accepted", payload);
}

static void an_unusable_key_lets_nothing_pass(signer_t *signer)
{
    s_key.state = SIGNATURE_KEY_UNUSABLE;
    expect_reason("trigger_key", GOOD);
    expect_signed(signer, "trigger_key", GOOD);
    s_key.state = SIGNATURE_KEY_USABLE;
}

int main(void)
{
    signer_t *signer = signer_create();
    signer_t *other = signer_create();
    char pem[SIGNER_TEXT_MAX];
    signer_public_key(signer, pem);
    signature_key_read(pem, &s_key);

    what_is_inside_is_checked_too(signer);
    a_replay_is_refused(signer);
    nothing_else_will_do(signer, other);
    a_second_payload_is_not_obeyed(signer);
    a_long_payload_is_taken(signer);
    an_unusable_key_lets_nothing_pass(signer);
    signer_delete(other);
    signer_delete(signer);
    return 0;
}
