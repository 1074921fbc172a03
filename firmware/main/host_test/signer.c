/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Signs with mbedTLS's own key functions, which the app does not use: the two must agree on every byte in between.
 */
#include "signer.h"

#include <stdlib.h>
#include <sys/random.h>

#include "mbedtls/base64.h"
#include "mbedtls/ecp.h"
#include "mbedtls/md.h"
#include "mbedtls/pk.h"

#include "expect.h"

struct signer {
    mbedtls_pk_context key;
};

static int random_bytes(void *ctx, unsigned char *out, size_t len)
{
    (void)ctx;
    return getrandom(out, len, 0) == (ssize_t)len ? 0 : -1;
}

signer_t *signer_create(void)
{
    signer_t *s = calloc(1, sizeof(*s));
    EXPECT(s != NULL, "no memory");
    mbedtls_pk_init(&s->key);
    EXPECT(mbedtls_pk_setup(&s->key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)) == 0, "key");
    EXPECT(mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(s->key), random_bytes, NULL) == 0, "key");
    return s;
}

void signer_delete(signer_t *s)
{
    mbedtls_pk_free(&s->key);
    free(s);
}

void signer_public_key(signer_t *s, char pem[SIGNER_TEXT_MAX])
{
    EXPECT(mbedtls_pk_write_pubkey_pem(&s->key, (unsigned char *)pem, SIGNER_TEXT_MAX) == 0, "key");
}

size_t signer_sign(signer_t *s, const void *data, size_t len, uint8_t der[SIGNER_DER_MAX])
{
    uint8_t hash[32];
    size_t der_len;
    EXPECT(mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), data, len, hash) == 0, "digest");
    EXPECT(mbedtls_pk_sign(&s->key, MBEDTLS_MD_SHA256, hash, sizeof(hash), der, &der_len, random_bytes, NULL) == 0,
           "signature");
    return der_len;
}

void signer_sign_base64(signer_t *s, const void *data, size_t len, char sig[SIGNER_TEXT_MAX])
{
    uint8_t der[SIGNER_DER_MAX];
    size_t written;
    const size_t der_len = signer_sign(s, data, len, der);
    EXPECT(mbedtls_base64_encode((unsigned char *)sig, SIGNER_TEXT_MAX, &written, der, der_len) == 0, "base64");
}
