/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Is the certificate the peer's? mbedTLS compares names; that an address in the URL may stand in the certificate as an
 * address (iPAddress in the subject's alternative names) it knows only from 3.x on, which ESP-IDF has and Debian has
 * not. So that an https:// URL with an address works here as on a chip, it is added below.
 */
#include <stdlib.h>
#include <string.h>
#include "esp_log.h"
#include "lwip/ip4_addr.h"
#include "tls_private.h"

#define SAN_IP_ADDRESS 7 /* RFC 5280, GeneralName */

static bool names_address(const mbedtls_x509_crt *crt, const uint8_t address[4])
{
    for (const mbedtls_x509_sequence *name = &crt->subject_alt_names; name != NULL; name = name->next) {
        if ((name->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK) == SAN_IP_ADDRESS && name->buf.len == 4 &&
            memcmp(name->buf.p, address, 4) == 0) {
            return true;
        }
    }
    return false;
}

static int on_certificate(void *arg, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
    const esp_tls_t *tls = arg;
    if (depth == 0 && (*flags & MBEDTLS_X509_BADCERT_CN_MISMATCH) != 0 && names_address(crt, tls->peer_ip)) {
        *flags &= ~(uint32_t)MBEDTLS_X509_BADCERT_CN_MISMATCH;
    }
    return 0;
}

esp_err_t tls_verify_expect(esp_tls_t *tls, const char *name, size_t len)
{
    char *copy = strndup(name, len);
    if (copy == NULL) {
        return ESP_ERR_NO_MEM;
    }
    ip4_addr_t address;
    if (ip4addr_aton(copy, &address)) {
        memcpy(tls->peer_ip, &address.addr, sizeof(tls->peer_ip)); /* both in network order */
        mbedtls_ssl_conf_verify(&tls->conf, on_certificate, tls);
    }
    int ret = mbedtls_ssl_set_hostname(&tls->ssl, copy);
    free(copy);
    if (ret != 0) {
        tls_errors_mbedtls(tls, "mbedtls_ssl_set_hostname", ret);
        return ESP_ERR_MBEDTLS_SSL_SET_HOSTNAME_FAILED;
    }
    return ESP_OK;
}

void tls_verify_explain(esp_tls_t *tls)
{
    const uint32_t flags = mbedtls_ssl_get_verify_result(&tls->ssl);
    if (flags == 0) {
        ESP_LOGI(TLS_MBEDTLS_TAG, "Certificate verified.");
        return;
    }
    ESP_LOGI(TLS_MBEDTLS_TAG, "Failed to verify peer certificate!");
    esp_tls_internal_event_tracker_capture(tls->error_handle, ESP_TLS_ERR_TYPE_MBEDTLS_CERT_FLAGS, (int)flags);
}
