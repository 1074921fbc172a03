/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The checksums of the flash formats. SHA-256 and MD5 are mbedTLS's; nothing here takes memory from the heap.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <mbedtls/sha256.h>

struct sha256 {
    mbedtls_sha256_context ctx;
};

void sha256_start(struct sha256 *sha);
void sha256_add(struct sha256 *sha, const void *data, size_t len);
void sha256_end(struct sha256 *sha, uint8_t digest[32]);

void md5_of(const void *data, size_t len, uint8_t digest[16]);

/** CRC-32 as zlib's crc32(): the formats start it with 0xFFFFFFFF, as they do esp_rom_crc32_le(). */
uint32_t crc32_le(uint32_t crc, const void *data, size_t len);
