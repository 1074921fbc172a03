/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 is nine tenths of what a sweep computes: every boot and every update reads whole images. mbedTLS 2.28 has it
 * in C alone; OpenSSL uses the processor's own instructions and takes a fifth of the time. The linker sends mbedTLS's
 * update here; the context stays mbedTLS's, so that its other calls work on it as ever.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_Transform(): there is no other call for blocks alone */
#include <openssl/sha.h>

#include <string.h>

#include <mbedtls/sha256.h>

int __wrap_mbedtls_sha256_update_ret(mbedtls_sha256_context *ctx, const unsigned char *input, size_t len);

static void transform(mbedtls_sha256_context *ctx, const unsigned char *blocks, size_t count)
{
    SHA256_CTX openssl;

    memcpy(openssl.h, ctx->state, sizeof openssl.h);
    for (; count > 0; count--, blocks += SHA256_CBLOCK) {
        SHA256_Transform(&openssl, blocks);
    }
    memcpy(ctx->state, openssl.h, sizeof openssl.h);
}

int __wrap_mbedtls_sha256_update_ret(mbedtls_sha256_context *ctx, const unsigned char *input, size_t len)
{
    size_t held = ctx->total[0] % SHA256_CBLOCK, room = SHA256_CBLOCK - held;

    ctx->total[0] += (uint32_t)len;
    ctx->total[1] += ctx->total[0] < (uint32_t)len; /* of bytes, as mbedTLS counts them; len is below 4 GB */
    if (held > 0 && len >= room) {
        memcpy(ctx->buffer + held, input, room);
        transform(ctx, ctx->buffer, 1);
        input += room;
        len -= room;
        held = 0;
    }
    if (held == 0) {
        transform(ctx, input, len / SHA256_CBLOCK);
        input += len / SHA256_CBLOCK * SHA256_CBLOCK;
        len %= SHA256_CBLOCK;
    }
    memcpy(ctx->buffer + held, input, len);
    return 0;
}
