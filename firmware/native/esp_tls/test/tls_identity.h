/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A certificate for a server in a test, made anew in every run: nothing that could expire lies in a repository.
 */
#pragma once

#include <stddef.h>

typedef struct {
    unsigned char certificate[1024]; /* PEM, signed by itself */
    unsigned char key[512];          /* PEM */
    size_t certificate_size;         /* with the terminating zero */
    size_t key_size;
} tls_identity_t;

void tls_identity_make(tls_identity_t *identity);
