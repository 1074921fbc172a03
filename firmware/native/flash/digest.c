/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The one place that knows mbedTLS's version: 2.x names the calls that return a result *_ret, 3.x does not.
 */
#include "digest.h"

#include <mbedtls/md5.h>
#include <mbedtls/version.h>

#if MBEDTLS_VERSION_MAJOR < 3
#define mbedtls_sha256_starts mbedtls_sha256_starts_ret
#define mbedtls_sha256_update mbedtls_sha256_update_ret
#define mbedtls_sha256_finish mbedtls_sha256_finish_ret
#define mbedtls_md5           mbedtls_md5_ret
#endif

void sha256_start(struct sha256 *sha)
{
    mbedtls_sha256_init(&sha->ctx);
    mbedtls_sha256_starts(&sha->ctx, 0);
}

void sha256_add(struct sha256 *sha, const void *data, size_t len)
{
    mbedtls_sha256_update(&sha->ctx, data, len);
}

void sha256_end(struct sha256 *sha, uint8_t digest[32])
{
    mbedtls_sha256_finish(&sha->ctx, digest);
    mbedtls_sha256_free(&sha->ctx);
}

void md5_of(const void *data, size_t len, uint8_t digest[16])
{
    mbedtls_md5(data, len, digest);
}

uint32_t crc32_le(uint32_t crc, const void *data, size_t len)
{
    /* Four bits at a time: a table of 16 words, reflected polynomial 0xEDB88320. */
    static const uint32_t nibble[16] = {
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
        0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
    };
    const uint8_t *p = data;

    crc = ~crc;
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        crc = (crc >> 4) ^ nibble[crc & 0xf];
        crc = (crc >> 4) ^ nibble[crc & 0xf];
    }
    return ~crc;
}
