/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * See tls_identity.h.
 */
#include "tls_identity.h"

#include <string.h>

#include <mbedtls/ecp.h>
#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>

#include "board_test.h"
#include "esp_random.h"

static int random_bytes(void *arg, unsigned char *bytes, size_t len)
{
    (void)arg;
    esp_fill_random(bytes, len);
    return 0;
}

void tls_identity_make(tls_identity_t *identity)
{
    static const char name[] = "CN=board";
    mbedtls_pk_context key;
    mbedtls_x509write_cert cert;
    mbedtls_mpi serial;
    mbedtls_pk_init(&key);
    mbedtls_x509write_crt_init(&cert);
    mbedtls_mpi_init(&serial);

    TEST_EQ(0, mbedtls_pk_setup(&key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)));
    TEST_EQ(0, mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(key), random_bytes, NULL));
    TEST_EQ(0, mbedtls_mpi_lset(&serial, 1));
    mbedtls_x509write_crt_set_md_alg(&cert, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(&cert, &key);
    mbedtls_x509write_crt_set_issuer_key(&cert, &key);
    TEST_EQ(0, mbedtls_x509write_crt_set_subject_name(&cert, name));
    TEST_EQ(0, mbedtls_x509write_crt_set_issuer_name(&cert, name));
    TEST_EQ(0, mbedtls_x509write_crt_set_serial(&cert, &serial));
    TEST_EQ(0, mbedtls_x509write_crt_set_validity(&cert, "20200101000000", "20991231235959"));
    TEST_EQ(0, mbedtls_x509write_crt_set_basic_constraints(&cert, 1, -1));
    TEST_EQ(0,
            mbedtls_x509write_crt_pem(&cert, identity->certificate, sizeof(identity->certificate), random_bytes, NULL));
    TEST_EQ(0, mbedtls_pk_write_key_pem(&key, identity->key, sizeof(identity->key)));
    identity->certificate_size = strlen((char *)identity->certificate) + 1;
    identity->key_size = strlen((char *)identity->key) + 1;

    mbedtls_mpi_free(&serial);
    mbedtls_x509write_crt_free(&cert);
    mbedtls_pk_free(&key);
}
