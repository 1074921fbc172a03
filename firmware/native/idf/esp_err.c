/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Names of error codes, and what a failed ESP_ERROR_CHECK prints.
 */
#include <stdio.h>
#include <stdlib.h>

#include "esp_err.h"

static const struct {
    esp_err_t code;
    const char *name;
} names[] = {
    {ESP_OK, "ESP_OK"},
    {ESP_FAIL, "ESP_FAIL"},
    {ESP_ERR_NO_MEM, "ESP_ERR_NO_MEM"},
    {ESP_ERR_INVALID_ARG, "ESP_ERR_INVALID_ARG"},
    {ESP_ERR_INVALID_STATE, "ESP_ERR_INVALID_STATE"},
    {ESP_ERR_INVALID_SIZE, "ESP_ERR_INVALID_SIZE"},
    {ESP_ERR_NOT_FOUND, "ESP_ERR_NOT_FOUND"},
    {ESP_ERR_NOT_SUPPORTED, "ESP_ERR_NOT_SUPPORTED"},
    {ESP_ERR_TIMEOUT, "ESP_ERR_TIMEOUT"},
    {ESP_ERR_INVALID_RESPONSE, "ESP_ERR_INVALID_RESPONSE"},
    {ESP_ERR_INVALID_CRC, "ESP_ERR_INVALID_CRC"},
    {ESP_ERR_INVALID_VERSION, "ESP_ERR_INVALID_VERSION"},
    {ESP_ERR_INVALID_MAC, "ESP_ERR_INVALID_MAC"},
    {ESP_ERR_NOT_FINISHED, "ESP_ERR_NOT_FINISHED"},
    {ESP_ERR_NOT_ALLOWED, "ESP_ERR_NOT_ALLOWED"},
    /* nvs_flash */
    {0x1101, "ESP_ERR_NVS_NOT_INITIALIZED"},
    {0x1102, "ESP_ERR_NVS_NOT_FOUND"},
    {0x1103, "ESP_ERR_NVS_TYPE_MISMATCH"},
    {0x1104, "ESP_ERR_NVS_READ_ONLY"},
    {0x1105, "ESP_ERR_NVS_NOT_ENOUGH_SPACE"},
    {0x1106, "ESP_ERR_NVS_INVALID_NAME"},
    {0x1107, "ESP_ERR_NVS_INVALID_HANDLE"},
    {0x1108, "ESP_ERR_NVS_REMOVE_FAILED"},
    {0x1109, "ESP_ERR_NVS_KEY_TOO_LONG"},
    {0x110a, "ESP_ERR_NVS_PAGE_FULL"},
    {0x110b, "ESP_ERR_NVS_INVALID_STATE"},
    {0x110c, "ESP_ERR_NVS_INVALID_LENGTH"},
    {0x110d, "ESP_ERR_NVS_NO_FREE_PAGES"},
    {0x110e, "ESP_ERR_NVS_VALUE_TOO_LONG"},
    {0x110f, "ESP_ERR_NVS_PART_NOT_FOUND"},
    {0x1110, "ESP_ERR_NVS_NEW_VERSION_FOUND"},
    /* app_update */
    {0x1501, "ESP_ERR_OTA_PARTITION_CONFLICT"},
    {0x1502, "ESP_ERR_OTA_SELECT_INFO_INVALID"},
    {0x1503, "ESP_ERR_OTA_VALIDATE_FAILED"},
    {0x1504, "ESP_ERR_OTA_SMALL_SEC_VER"},
    {0x1505, "ESP_ERR_OTA_ROLLBACK_FAILED"},
    {0x1506, "ESP_ERR_OTA_ROLLBACK_INVALID_STATE"},
    /* bootloader_support */
    {0x2001, "ESP_ERR_IMAGE_FLASH_FAIL"},
    {0x2002, "ESP_ERR_IMAGE_INVALID"},
    /* esp_netif */
    {0x5001, "ESP_ERR_ESP_NETIF_INVALID_PARAMS"},
    {0x5002, "ESP_ERR_ESP_NETIF_IF_NOT_READY"},
    {0x5003, "ESP_ERR_ESP_NETIF_DHCPC_START_FAILED"},
    /* esp_http_client */
    {0x7001, "ESP_ERR_HTTP_MAX_REDIRECT"},
    {0x7002, "ESP_ERR_HTTP_CONNECT"},
    {0x7003, "ESP_ERR_HTTP_WRITE_DATA"},
    {0x7004, "ESP_ERR_HTTP_FETCH_HEADER"},
    {0x7005, "ESP_ERR_HTTP_INVALID_TRANSPORT"},
    {0x7006, "ESP_ERR_HTTP_CONNECTING"},
    {0x7007, "ESP_ERR_HTTP_EAGAIN"},
    {0x7008, "ESP_ERR_HTTP_CONNECTION_CLOSED"},
    /* esp-tls */
    {0x8001, "ESP_ERR_ESP_TLS_CANNOT_RESOLVE_HOSTNAME"},
    {0x8002, "ESP_ERR_ESP_TLS_CANNOT_CREATE_SOCKET"},
    {0x8003, "ESP_ERR_ESP_TLS_UNSUPPORTED_PROTOCOL_FAMILY"},
    {0x8004, "ESP_ERR_ESP_TLS_FAILED_CONNECT_TO_HOST"},
    {0x8005, "ESP_ERR_ESP_TLS_SOCKET_SETOPT_FAILED"},
    {0x8006, "ESP_ERR_ESP_TLS_CONNECTION_TIMEOUT"},
    {0x8007, "ESP_ERR_ESP_TLS_SE_FAILED"},
    {0x8008, "ESP_ERR_ESP_TLS_TCP_CLOSED_FIN"},
    {0x8010, "ESP_ERR_MBEDTLS_CERT_PARTLY_OK"},
    {0x8011, "ESP_ERR_MBEDTLS_CTR_DRBG_SEED_FAILED"},
    {0x8012, "ESP_ERR_MBEDTLS_SSL_SET_HOSTNAME_FAILED"},
    {0x8013, "ESP_ERR_MBEDTLS_SSL_CONFIG_DEFAULTS_FAILED"},
    {0x8014, "ESP_ERR_MBEDTLS_SSL_CONF_ALPN_PROTOCOLS_FAILED"},
    {0x8015, "ESP_ERR_MBEDTLS_X509_CRT_PARSE_FAILED"},
    {0x8016, "ESP_ERR_MBEDTLS_SSL_CONF_OWN_CERT_FAILED"},
    {0x8017, "ESP_ERR_MBEDTLS_SSL_SETUP_FAILED"},
    {0x8018, "ESP_ERR_MBEDTLS_SSL_WRITE_FAILED"},
    {0x8019, "ESP_ERR_MBEDTLS_PK_PARSE_KEY_FAILED"},
    {0x801a, "ESP_ERR_MBEDTLS_SSL_HANDSHAKE_FAILED"},
    {0x801b, "ESP_ERR_MBEDTLS_SSL_CONF_PSK_FAILED"},
    {0x801c, "ESP_ERR_MBEDTLS_SSL_TICKET_SETUP_FAILED"},
    /* esp_http_server */
    {0xb001, "ESP_ERR_HTTPD_HANDLERS_FULL"},
    {0xb002, "ESP_ERR_HTTPD_HANDLER_EXISTS"},
    {0xb003, "ESP_ERR_HTTPD_INVALID_REQ"},
    {0xb004, "ESP_ERR_HTTPD_RESULT_TRUNC"},
    {0xb005, "ESP_ERR_HTTPD_RESP_HDR"},
    {0xb006, "ESP_ERR_HTTPD_RESP_SEND"},
    {0xb007, "ESP_ERR_HTTPD_ALLOC_MEM"},
    {0xb008, "ESP_ERR_HTTPD_TASK"},
};

static const char *find_name(esp_err_t code)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].code == code) {
            return names[i].name;
        }
    }
    return NULL;
}

const char *esp_err_to_name(esp_err_t code)
{
    const char *name = find_name(code);
    return name != NULL ? name : "ERROR";
}

const char *esp_err_to_name_r(esp_err_t code, char *buf, size_t buf_size)
{
    const char *name = find_name(code);
    if (name != NULL) {
        snprintf(buf, buf_size, "%s", name);
    } else {
        snprintf(buf, buf_size, "UNKNOWN ERROR 0x%x(%d)", (unsigned)code, code);
    }
    return buf;
}

static void print_failed_check(const char *what, esp_err_t rc, const char *file, int line, const char *function,
                               const char *expression, const void *pc)
{
    printf("%s failed: esp_err_t 0x%x (%s) at %p\nfile: \"%s\" line %d\nfunc: %s\nexpression: %s\n", what, (unsigned)rc,
           esp_err_to_name(rc), pc, file, line, function, expression);
}

void _esp_error_check_failed(esp_err_t rc, const char *file, int line, const char *function, const char *expression)
{
    print_failed_check("ESP_ERROR_CHECK", rc, file, line, function, expression, __builtin_return_address(0));
    abort();
}

void _esp_error_check_failed_without_abort(esp_err_t rc, const char *file, int line, const char *function,
                                           const char *expression)
{
    print_failed_check("ESP_ERROR_CHECK_WITHOUT_ABORT", rc, file, line, function, expression,
                       __builtin_return_address(0));
}
