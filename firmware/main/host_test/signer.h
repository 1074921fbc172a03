/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The other side of a signed trigger: a key pair made for this run, and what a release process does with it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SIGNER_TEXT_MAX 256
#define SIGNER_DER_MAX  80

typedef struct signer signer_t;

/** Makes a P-256 key pair. */
signer_t *signer_create(void);

void signer_delete(signer_t *signer);

/** Its public key as PEM. */
void signer_public_key(signer_t *signer, char pem[SIGNER_TEXT_MAX]);

/** Signs @p len bytes. @return length of the DER signature. */
size_t signer_sign(signer_t *signer, const void *data, size_t len, uint8_t der[SIGNER_DER_MAX]);

/** Signs, and writes the signature as base64. */
void signer_sign_base64(signer_t *signer, const void *data, size_t len, char sig[SIGNER_TEXT_MAX]);
