/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Which keys are taken, and that a signature is good for these bytes, under this key, as it was made, and for nothing
 * else. Built twice: on the curve's arithmetic (mbedTLS 2.28 and 3.x) and on PSA (4.x).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mbedtls/base64.h"

#include "signature.h"

#include "expect.h"
#include "signer.h"

#define BEGIN_LINE "-----BEGIN PUBLIC KEY-----\n"
#define END_LINE   "-----END PUBLIC KEY-----\n"

/* Made with OpenSSL: `openssl dgst -sha256 -sign`. */
#define KEY_LINE_1 "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAErKtfRETBqj7479fH8kQVnOq1yTvI"
#define KEY_LINE_2 "wlz8VCMGhohB9Hsr8lIwePDSUFZDIcUnnj03VIZW2X3JAfKASRlA8vfyEw=="
static const char PAYLOAD[] = "the payload that OpenSSL signed";
static const char SIG[] =
    "MEYCIQCYojL01CvxKSQhPuamWY1WQmHE+5DlTMuJ+hE76cNAUgIhAOp74dUTzt20Neb93KfSWdoTrigqoduVF+HMT0Uj4zIx";

static const struct {
    bool usable;
    const char *what;
    const char *text;
} KEYS[] = {
    {true, "PEM", BEGIN_LINE KEY_LINE_1 "\n" KEY_LINE_2 "\n" END_LINE},
    {true, "PEM with CR LF", "-----BEGIN PUBLIC KEY-----\r\n" KEY_LINE_1 "\r\n" KEY_LINE_2 "\r\n" END_LINE},
    {true, "PEM behind a comment", "release key 3\n" BEGIN_LINE KEY_LINE_1 KEY_LINE_2 END_LINE},
    {true, "base64", KEY_LINE_1 KEY_LINE_2},
    {true, "base64 in lines", KEY_LINE_1 "\n" KEY_LINE_2 "\n"},
    {false, "nothing", ""},
    {false, "blanks", " \n"},
    {false, "words", "this is not a key, nor is it base64"},
    {false, "PEM without its end", BEGIN_LINE KEY_LINE_1 "\n" KEY_LINE_2 "\n"},
    {false, "half a key", KEY_LINE_1},
    {false, "a key and more", KEY_LINE_1 KEY_LINE_2 KEY_LINE_1},
    {false, "a key and a byte more",
     "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAErKtfRETBqj7479fH8kQVnOq1yTvIwlz8VCMGhohB9Hsr8lIwePDSUFZDIcUnnj03VIZW2X3JAfKA"
     "SRlA8vfyEwA="},
    {false, "another curve of that length (prime239v3)",
     "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQYDQgAErKtfRETBqj7479fH8kQVnOq1yTvI"
     "wlz8VCMGhohB9Hsr8lIwePDSUFZDIcUnnj03VIZW2X3JAfKASRlA8vfyEw=="},
    {false, "P-384",
     BEGIN_LINE "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEKy9OVXfNaDK6uyvEQF6KiI9cEJz2ja2Q\n"
                "MoK4UA5I+/N0vr3zzeW8T3rm2qEWOExTInk0NidM2ImQYho7wJaWc/QFWGDr+JKm\n"
                "kj4vMzN1O8oLAc0Ry6UV8JYzdZc1PiTh\n" END_LINE},
    {false, "secp256k1",
     BEGIN_LINE "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEUA7prW99a7qzup0B7URhz9JeBwvJXVDH\n"
                "+mKD/NKvLJFWsawacjRjaCAe4kUka5ImYoC0IUczE3cRtrzBAP0Oxw==\n" END_LINE},
    {false, "a compressed point",
     BEGIN_LINE "MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADrKtfRETBqj7479fH8kQVnOq1yTvI\nwlz8VCMGhohB9Hs=\n" END_LINE},
    {false, "RSA",
     BEGIN_LINE "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDROugZXVnlwyoVT03NG5Wvdhg/\n"
                "QvNktKODsGcyyT5l2s3XSeoLZXJVMZcSQjCHMgLY3VcmHPNZ9CVMTUi28yBHEmfI\n"
                "y7AraUEtRP3+LHu6u5yf1oqcnaPzrazNIyVoRs1XqS6vJwwv2h/+JOieRQHTppex\n"
                "HdPWNGr7DDNFLJMkAQIDAQAB\n" END_LINE},
};

static void keys_are_read(void)
{
    for (size_t i = 0; i < sizeof(KEYS) / sizeof(KEYS[0]); i++) {
        signature_key_t key = {0};
        signature_key_read(KEYS[i].text, &key);
        EXPECT(key.state == (KEYS[i].usable ? SIGNATURE_KEY_USABLE : SIGNATURE_KEY_UNUSABLE), "%s", KEYS[i].what);
        EXPECT(signature_is_good(&key, PAYLOAD, strlen(PAYLOAD), SIG) == KEYS[i].usable, "%s", KEYS[i].what);
    }
    signature_key_t key = {0};
    EXPECT(key.state == SIGNATURE_KEY_NONE && !signature_is_good(&key, PAYLOAD, strlen(PAYLOAD), SIG), "no key");
    signature_key_read(KEY_LINE_1 KEY_LINE_2, &key);
    key.state = SIGNATURE_KEY_UNUSABLE;
    EXPECT(!signature_is_good(&key, PAYLOAD, strlen(PAYLOAD), SIG), "a key said to be unusable");
}

/* Every beginning of a key, in a buffer that ends there. */
static void cut_keys_are_unusable(void)
{
    static const char TEXT[] = BEGIN_LINE KEY_LINE_1 "\n" KEY_LINE_2 "\n-----END PUBLIC KEY-----";
    for (size_t len = 0; len < sizeof(TEXT) - 1; len++) {
        char *cut = strndup(TEXT, len);
        signature_key_t key = {0};
        signature_key_read(cut, &key);
        EXPECT(key.state == SIGNATURE_KEY_UNUSABLE, "cut after %zu", len);
        free(cut);
    }
}

static void a_point_off_the_curve_verifies_nothing(void)
{
    signature_key_t key = {0};
    signature_key_read(KEY_LINE_1 KEY_LINE_2, &key);
    key.point[SIGNATURE_POINT_BYTES - 1] ^= 1;
    EXPECT(!signature_is_good(&key, PAYLOAD, strlen(PAYLOAD), SIG), "a point off the curve");
}

/* Whether the DER signature is good for @p payload. */
static bool good_der_for(const signature_key_t *key, const char *payload, const uint8_t *der, size_t len)
{
    char text[SIGNER_TEXT_MAX];
    size_t written;
    EXPECT(mbedtls_base64_encode((unsigned char *)text, sizeof(text), &written, der, len) == 0, "%zu bytes", len);
    return signature_is_good(key, payload, strlen(payload), text);
}

static bool good_der(const signature_key_t *key, const uint8_t *der, size_t len)
{
    return good_der_for(key, PAYLOAD, der, len);
}

/* One payload after another, since r and s are now and then a byte shorter or start with a set bit. */
static void each_bit_counts(signer_t *signer, const signature_key_t *key)
{
    for (int round = 0; round < 20; round++) {
        char payload[16];
        uint8_t der[SIGNER_DER_MAX];
        snprintf(payload, sizeof(payload), "payload %d", round);
        const size_t len = signer_sign(signer, payload, strlen(payload), der);
        EXPECT(good_der_for(key, payload, der, len), "as it was made");
        for (size_t at = 0; at < len; at++) {
            der[at] ^= (uint8_t)(1u << (round % 8));
            EXPECT(!good_der_for(key, payload, der, len), "bit %d of byte %zu of %zu changed", round % 8, at, len);
            der[at] ^= (uint8_t)(1u << (round % 8));
            EXPECT(!good_der_for(key, payload, der, at), "cut after %zu of %zu", at, len);
        }
        der[len] = 0;
        EXPECT(!good_der_for(key, payload, der, len + 1), "a byte more");
    }
}

static void each_byte_of_the_payload_counts(signer_t *signer, const signature_key_t *key)
{
    char sig[SIGNER_TEXT_MAX];
    char payload[sizeof(PAYLOAD) + 1];
    strcpy(payload, PAYLOAD);
    signer_sign_base64(signer, payload, strlen(payload), sig);
    for (size_t i = 0; i < strlen(PAYLOAD); i++) {
        payload[i] ^= 1;
        EXPECT(!signature_is_good(key, payload, strlen(PAYLOAD), sig), "byte %zu changed", i);
        payload[i] ^= 1;
    }
    EXPECT(!signature_is_good(key, payload, strlen(PAYLOAD) - 1, sig), "a byte less");
    payload[strlen(PAYLOAD)] = ' ';
    EXPECT(!signature_is_good(key, payload, strlen(PAYLOAD) + 1, sig), "a byte more");
    EXPECT(!signature_is_good(key, "", 0, sig), "nothing");
    EXPECT(signature_is_good(key, payload, strlen(PAYLOAD), sig), "as it was made");
}

/* Longer than DER allows, or with values no signature has. */
static void false_numbers_are_refused(const signature_key_t *key)
{
    static const uint8_t ORDER[32] = {0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF,
                                      0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17,
                                      0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51};
    static const uint8_t ZERO[] = {0x30, 6, 0x02, 1, 0, 0x02, 1, 0};
    static const uint8_t ONE[] = {0x30, 6, 0x02, 1, 1, 0x02, 1, 1};
    static const uint8_t NEGATIVE[] = {0x30, 6, 0x02, 1, 0xFF, 0x02, 1, 1};
    static const uint8_t PADDED[] = {0x30, 7, 0x02, 2, 0, 1, 0x02, 1, 1};
    static const uint8_t EMPTY[] = {0x30, 5, 0x02, 0, 0x02, 1, 1};
    static const uint8_t BEYOND[] = {0x30, 6, 0x02, 0x7F, 1, 0x02, 1, 1};
    static const uint8_t LONG_FORM[] = {0x30, 0x81, 6, 0x02, 1, 1, 0x02, 1, 1};
    uint8_t order[8 + 2 * 33] = {0x30, 2 * 35};
    for (int i = 0; i < 2; i++) {
        uint8_t *number = order + 2 + 35 * i;
        number[0] = 0x02;
        number[1] = 33;
        memcpy(number + 3, ORDER, sizeof(ORDER));
    }
    EXPECT(!good_der(key, ZERO, sizeof(ZERO)), "0, 0");
    EXPECT(!good_der(key, ONE, sizeof(ONE)), "1, 1");
    EXPECT(!good_der(key, NEGATIVE, sizeof(NEGATIVE)), "negative");
    EXPECT(!good_der(key, PADDED, sizeof(PADDED)), "padded");
    EXPECT(!good_der(key, EMPTY, sizeof(EMPTY)), "an empty number");
    EXPECT(!good_der(key, BEYOND, sizeof(BEYOND)), "a number beyond the end");
    EXPECT(!good_der(key, LONG_FORM, sizeof(LONG_FORM)), "the long form of a length");
    EXPECT(!good_der(key, order, 2 + 2 * 35), "the curve's order, twice");
}

/* The right numbers, written in a way that DER does not allow. */
static void other_encodings_are_refused(signer_t *signer, const signature_key_t *key)
{
    uint8_t der[SIGNER_DER_MAX];
    uint8_t other[SIGNER_DER_MAX];
    char payload[16];
    size_t len;
    int tried = 0;
    do { /* signing is deterministic: another payload each time */
        snprintf(payload, sizeof(payload), "payload %d", tried++);
        len = signer_sign(signer, payload, strlen(payload), der);
        EXPECT(tried < 1000, "no signature without a byte for a sign");
    } while (der[3] != 32 || len != 2 + 2 * 34);
    EXPECT(good_der_for(key, payload, der, len), "as it was made");

    memcpy(other, der, 4); /* the first number with a zero before it */
    other[1]++;
    other[3]++;
    other[4] = 0;
    memcpy(other + 5, der + 4, len - 4);
    EXPECT(!good_der_for(key, payload, other, len + 1), "a number longer than it must be");

    memcpy(other, der, len); /* a byte behind the second number, inside the sequence */
    other[1]++;
    other[len] = 0;
    EXPECT(!good_der_for(key, payload, other, len + 1), "a byte more in the sequence");
}

static void what_is_no_base64_is_refused(const signature_key_t *key)
{
    static const char *const TEXTS[] = {"", "=", "====", "M", "MEY", "not base64!", "\xFF\xFE", "MEYC*QCY"};
    for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
        EXPECT(!signature_is_good(key, PAYLOAD, strlen(PAYLOAD), TEXTS[i]), "'%s'", TEXTS[i]);
    }
    char *huge = malloc(100001);
    memset(huge, 'A', 100000);
    huge[100000] = '\0';
    EXPECT(!signature_is_good(key, PAYLOAD, strlen(PAYLOAD), huge), "100000 characters");
    free(huge);
}

int main(void)
{
    keys_are_read();
    cut_keys_are_unusable();
    a_point_off_the_curve_verifies_nothing();

    signer_t *signer = signer_create();
    signer_t *other = signer_create();
    char pem[SIGNER_TEXT_MAX];
    signature_key_t key = {0};
    signature_key_t other_key = {0};
    signer_public_key(signer, pem);
    signature_key_read(pem, &key);
    signer_public_key(other, pem);
    signature_key_read(pem, &other_key);

    char sig[SIGNER_TEXT_MAX];
    signer_sign_base64(signer, PAYLOAD, strlen(PAYLOAD), sig);
    EXPECT(signature_is_good(&key, PAYLOAD, strlen(PAYLOAD), sig), "this key's");
    EXPECT(!signature_is_good(&other_key, PAYLOAD, strlen(PAYLOAD), sig), "another key's");
    each_bit_counts(signer, &key);
    each_byte_of_the_payload_counts(signer, &key);
    false_numbers_are_refused(&key);
    other_encodings_are_refused(signer, &key);
    what_is_no_base64_is_refused(&key);
    signer_delete(other);
    signer_delete(signer);
    return 0;
}
