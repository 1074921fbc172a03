/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * ECDSA signatures on the curve P-256 over SHA-256: the key as it is provisioned, the signature as it stands in a
 * trigger.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIGNATURE_POINT_BYTES 65 /* 0x04, x, y: an uncompressed point of the curve */

typedef enum {
    SIGNATURE_KEY_NONE, /* none is provisioned: nothing is checked */
    SIGNATURE_KEY_USABLE,
    SIGNATURE_KEY_UNUSABLE, /* one is, but it is no P-256 public key: nothing can pass, and nothing may */
} signature_key_state_t;

typedef struct {
    signature_key_state_t state;
    uint8_t point[SIGNATURE_POINT_BYTES];
} signature_key_t;

/**
 * Reads a public key: PEM ("BEGIN PUBLIC KEY"), or the same without its first and last line, that is base64 of a DER
 * SubjectPublicKeyInfo. Sets the state to SIGNATURE_KEY_USABLE or SIGNATURE_KEY_UNUSABLE.
 */
void signature_key_read(const char *text, signature_key_t *out);

/**
 * True when @p sig_base64, base64 of a DER Ecdsa-Sig-Value, is the signature of the @p len bytes at @p data under a
 * usable @p key. Any task; how much stack it takes does not depend on the input.
 */
bool signature_is_good(const signature_key_t *key, const void *data, size_t len, const char *sig_base64);
