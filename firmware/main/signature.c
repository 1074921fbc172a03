/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Everything that comes from outside is brought into a form of fixed size before mbedTLS sees it: the key is a point of
 * 65 bytes, the signature two numbers of 32. What differs between mbedTLS 2.28/3.x (the curve's arithmetic) and 4.x
 * (PSA alone) is the one function that takes these, verify_hash().
 */
#include "signature.h"

#include <string.h>

#include "mbedtls/base64.h"
#include "mbedtls/md.h"
#include "mbedtls/version.h"

#ifndef SIGNATURE_BY_PSA
#define SIGNATURE_BY_PSA (MBEDTLS_VERSION_NUMBER >= 0x04000000)
#endif
#if SIGNATURE_BY_PSA
#include "psa/crypto.h"
#else
#include "mbedtls/ecdsa.h"
#include "mbedtls/ecp.h"
#endif

#define NUMBER_BYTES 32
#define RAW_BYTES    (2 * NUMBER_BYTES)
#define DER_SIG_MAX  72  /* two numbers of up to 33 bytes, and their heads */
#define BASE64_MAX   128 /* of a key: 124 */
#define PEM_BEGIN    "-----BEGIN PUBLIC KEY-----"
#define PEM_END      "-----END PUBLIC KEY-----"

/* RFC 5480: all of a SubjectPublicKeyInfo for P-256 (id-ecPublicKey, secp256r1) up to the point itself. */
static const uint8_t SPKI_HEAD[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01,
                                    0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};

#if SIGNATURE_BY_PSA

static bool verify_hash(const uint8_t *point, const uint8_t hash[32], const uint8_t raw[RAW_BYTES])
{
    if (psa_crypto_init() != PSA_SUCCESS) {
        return false;
    }
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_PUBLIC_KEY(PSA_ECC_FAMILY_SECP_R1));
    psa_set_key_bits(&attributes, 256);
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_VERIFY_HASH);
    psa_set_key_algorithm(&attributes, PSA_ALG_ECDSA(PSA_ALG_SHA_256));
    psa_key_id_t key;
    if (psa_import_key(&attributes, point, SIGNATURE_POINT_BYTES, &key) != PSA_SUCCESS) {
        return false;
    }
    const psa_status_t verified = psa_verify_hash(key, PSA_ALG_ECDSA(PSA_ALG_SHA_256), hash, 32, raw, RAW_BYTES);
    psa_destroy_key(key);
    return verified == PSA_SUCCESS;
}

#else

static bool verify_hash(const uint8_t *point, const uint8_t hash[32], const uint8_t raw[RAW_BYTES])
{
    mbedtls_ecp_group curve;
    mbedtls_ecp_point key;
    mbedtls_mpi r;
    mbedtls_mpi s;
    mbedtls_ecp_group_init(&curve);
    mbedtls_ecp_point_init(&key);
    mbedtls_mpi_init(&r);
    mbedtls_mpi_init(&s);
    const bool good = mbedtls_ecp_group_load(&curve, MBEDTLS_ECP_DP_SECP256R1) == 0 &&
                      mbedtls_ecp_point_read_binary(&curve, &key, point, SIGNATURE_POINT_BYTES) == 0 &&
                      mbedtls_ecp_check_pubkey(&curve, &key) == 0 &&
                      mbedtls_mpi_read_binary(&r, raw, NUMBER_BYTES) == 0 &&
                      mbedtls_mpi_read_binary(&s, raw + NUMBER_BYTES, NUMBER_BYTES) == 0 &&
                      mbedtls_ecdsa_verify(&curve, hash, 32, &key, &r, &s) == 0;
    mbedtls_mpi_free(&s);
    mbedtls_mpi_free(&r);
    mbedtls_ecp_point_free(&key);
    mbedtls_ecp_group_free(&curve);
    return good;
}

#endif

/* One DER INTEGER of 1 to 33 bytes at *at, not negative and no longer than it must be, into 32 bytes. */
static bool read_number(const uint8_t **at, const uint8_t *end, uint8_t out[NUMBER_BYTES])
{
    const uint8_t *in = *at;
    if (end - in < 3 || in[0] != 0x02 || in[1] == 0 || in[1] > end - in - 2 || (in[2] & 0x80) != 0) {
        return false;
    }
    size_t len = in[1];
    in += 2;
    *at = in + len;
    if (in[0] == 0 && len > 1) {
        if ((in[1] & 0x80) == 0) {
            return false;
        }
        in++;
        len--;
    }
    if (len > NUMBER_BYTES) {
        return false;
    }
    memset(out, 0, NUMBER_BYTES - len);
    memcpy(out + NUMBER_BYTES - len, in, len);
    return true;
}

/* RFC 3279: Ecdsa-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER }, and nothing after it. */
static bool read_signature(const uint8_t *der, size_t len, uint8_t raw[RAW_BYTES])
{
    if (len < 2 || der[0] != 0x30 || der[1] != len - 2) {
        return false;
    }
    const uint8_t *at = der + 2;
    const uint8_t *end = der + len;
    return read_number(&at, end, raw) && read_number(&at, end, raw + NUMBER_BYTES) && at == end;
}

/* The base64 characters from @p begin to @p end without line ends and blanks. @return their number, 0: too many. */
static size_t strip(const char *begin, const char *end, char out[BASE64_MAX])
{
    size_t len = 0;
    for (; begin < end; begin++) {
        if (*begin == '\n' || *begin == '\r' || *begin == ' ' || *begin == '\t') {
            continue;
        }
        if (len == BASE64_MAX) {
            return 0;
        }
        out[len++] = *begin;
    }
    return len;
}

void signature_key_read(const char *text, signature_key_t *out)
{
    const char *begin = strstr(text, PEM_BEGIN);
    const char *end = text + strlen(text);
    out->state = SIGNATURE_KEY_UNUSABLE;
    if (begin != NULL) {
        begin += strlen(PEM_BEGIN);
        end = strstr(begin, PEM_END);
        if (end == NULL) {
            return;
        }
    } else {
        begin = text;
    }

    char base64[BASE64_MAX];
    uint8_t der[sizeof(SPKI_HEAD) + SIGNATURE_POINT_BYTES];
    size_t len;
    if (mbedtls_base64_decode(der, sizeof(der), &len, (const unsigned char *)base64, strip(begin, end, base64)) == 0 &&
        len == sizeof(der) && memcmp(der, SPKI_HEAD, sizeof(SPKI_HEAD)) == 0 && der[sizeof(SPKI_HEAD)] == 0x04) {
        memcpy(out->point, der + sizeof(SPKI_HEAD), SIGNATURE_POINT_BYTES);
        out->state = SIGNATURE_KEY_USABLE;
    }
}

bool signature_is_good(const signature_key_t *key, const void *data, size_t len, const char *sig_base64)
{
    uint8_t der[DER_SIG_MAX];
    uint8_t raw[RAW_BYTES];
    uint8_t hash[32];
    size_t der_len;
    return key->state == SIGNATURE_KEY_USABLE &&
           mbedtls_base64_decode(der, sizeof(der), &der_len, (const unsigned char *)sig_base64, strlen(sig_base64)) ==
               0 &&
           read_signature(der, der_len, raw) &&
           mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), data, len, hash) == 0 &&
           verify_hash(key->point, hash, raw);
}
