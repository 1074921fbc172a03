/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A message on the trigger topic, as firmware/main reads it: envelope, signature, fields. The first byte chooses what
 * the board is provisioned with; the rest is the message. The curve's arithmetic, which is mbedTLS's and takes
 * milliseconds, is answered here: whether a signature is good is up to the first byte, too.
 */
#include "fuzz.h"

#include <mbedtls/ecdsa.h>

#include "trigger.h"

#define COUNTER    7
#define SLOT_BYTES 0x1E0000u
#define VERSION    "1.0.0"

static bool signature_good, signature_asked;

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
    (void)q;
    (void)r;
    (void)s;
    HOLDS(blen == 32);
    signature_asked = true;
    return signature_good ? 0 : MBEDTLS_ERR_ECP_VERIFY_FAILED;
}

static void check_accepted(const trigger_t *t, const signature_key_t *key, bool has_ca)
{
    HOLDS(key->state != SIGNATURE_KEY_UNUSABLE);
    HOLDS(key->state == SIGNATURE_KEY_NONE || (signature_asked && signature_good));
    HOLDS(memchr(t->url, '\0', sizeof t->url) != NULL && memchr(t->version, '\0', sizeof t->version) != NULL);
    HOLDS(strncmp(t->url, "http://", 7) == 0 || (has_ca && strncmp(t->url, "https://", 8) == 0));
    HOLDS(t->version[0] != '\0' && strcmp(t->version, VERSION) != 0 && strpbrk(t->version, "\"\\\n") == NULL);
    HOLDS(t->size >= 1 && t->size <= SLOT_BYTES);
    HOLDS(t->counter > COUNTER);
    HOLDS((unsigned)t->stop < STOP_STRATEGIES);
    HOLDS(!t->reuse || t->reuse_to[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const signature_key_state_t KEYS[] = {SIGNATURE_KEY_NONE, SIGNATURE_KEY_USABLE, SIGNATURE_KEY_UNUSABLE,
                                                 SIGNATURE_KEY_USABLE};
    if (size == 0) {
        return 0;
    }
    const signature_key_t key = {.state = KEYS[data[0] & 3], .point = {0x04}};
    const trigger_context_t context = {.device_id = "cam-1",
                                       .running_version = VERSION,
                                       .key = &key,
                                       .has_ca = (data[0] & 4) != 0,
                                       .slot_bytes = SLOT_BYTES,
                                       .last_counter = COUNTER};
    trigger_t trigger;
    char *message = malloc(size - 1); /* not terminated: it arrives with its length */
    memcpy(message, data + 1, size - 1);
    signature_good = (data[0] & 8) != 0;
    signature_asked = false;
    if (trigger_check(message, size - 1, &context, &trigger) == NULL) {
        check_accepted(&trigger, &key, context.has_ca);
    }
    free(message);
    return 0;
}
