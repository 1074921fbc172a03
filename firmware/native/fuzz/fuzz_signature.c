/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A trigger key as somebody provisioned it, and a signature as somebody sent it. The first byte says which of the two
 * the rest is. The curve's arithmetic is mbedTLS's and is left out.
 */
#include "fuzz.h"

#include <mbedtls/ecdsa.h>

#include "signature.h"

static unsigned asked;

int __wrap_mbedtls_ecp_check_pubkey(const mbedtls_ecp_group *grp, const mbedtls_ecp_point *pt);
int __wrap_mbedtls_ecdsa_verify(mbedtls_ecp_group *grp, const unsigned char *buf, size_t blen,
                                const mbedtls_ecp_point *q, const mbedtls_mpi *r, const mbedtls_mpi *s);

int __wrap_mbedtls_ecp_check_pubkey(const mbedtls_ecp_group *grp, const mbedtls_ecp_point *pt)
{
    (void)grp;
    (void)pt;
    return 0;
}

int __wrap_mbedtls_ecdsa_verify(mbedtls_ecp_group *grp, const unsigned char *buf, size_t blen,
                                const mbedtls_ecp_point *q, const mbedtls_mpi *r, const mbedtls_mpi *s)
{
    (void)grp;
    (void)buf;
    (void)blen;
    (void)q;
    HOLDS(mbedtls_mpi_size(r) <= 32 && mbedtls_mpi_size(s) <= 32);
    asked++;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    char *text = fuzz_text(data + 1, size - 1);
    signature_key_t key;
    if (data[0] & 1) {
        signature_key_read(text, &key);
        HOLDS(key.state == SIGNATURE_KEY_UNUSABLE || (key.state == SIGNATURE_KEY_USABLE && key.point[0] == 0x04));
    } else {
        key = (signature_key_t){.state = data[0] & 2 ? SIGNATURE_KEY_USABLE : SIGNATURE_KEY_UNUSABLE, .point = {0x04}};
        asked = 0;
        const bool good = signature_is_good(&key, text, strlen(text), text);
        HOLDS(!good || (asked == 1 && key.state == SIGNATURE_KEY_USABLE));
    }
    free(text);
    return 0;
}
