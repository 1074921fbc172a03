/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The last errors of a session. The errno lies behind the public part, as in ESP-IDF: reading the others leaves it.
 */
#include <stdlib.h>
#include <string.h>
#include "esp_log.h"
#include "tls_private.h"

struct tls_errors {
    esp_tls_last_error_t last; /* first: a handle points to it */
    int sock_errno;
};

esp_tls_error_handle_t esp_tls_internal_event_tracker_create(void)
{
    struct tls_errors *errors = calloc(1, sizeof(*errors));
    return errors != NULL ? &errors->last : NULL;
}

void esp_tls_internal_event_tracker_destroy(esp_tls_error_handle_t errors)
{
    free(errors);
}

static int *error_of_type(esp_tls_error_handle_t errors, esp_tls_error_type_t type)
{
    switch (type) {
    case ESP_TLS_ERR_TYPE_SYSTEM:
        return &((struct tls_errors *)(void *)errors)->sock_errno;
    case ESP_TLS_ERR_TYPE_MBEDTLS:
    case ESP_TLS_ERR_TYPE_WOLFSSL:
        return &errors->esp_tls_error_code;
    case ESP_TLS_ERR_TYPE_MBEDTLS_CERT_FLAGS:
    case ESP_TLS_ERR_TYPE_WOLFSSL_CERT_FLAGS:
        return &errors->esp_tls_flags;
    case ESP_TLS_ERR_TYPE_ESP:
        return &errors->last_error;
    default:
        return NULL;
    }
}

void esp_tls_internal_event_tracker_capture(esp_tls_error_handle_t errors, esp_tls_error_type_t type, int code)
{
    if (errors != NULL) {
        *error_of_type(errors, type) = code;
    }
}

void tls_errors_mbedtls(esp_tls_t *tls, const char *call, int ret)
{
    ESP_LOGE(TLS_MBEDTLS_TAG, "%s returned -0x%04X", call, (unsigned)-ret);
    esp_tls_internal_event_tracker_capture(tls->error_handle, ESP_TLS_ERR_TYPE_MBEDTLS, -ret);
}

esp_err_t esp_tls_get_error_handle(esp_tls_t *tls, esp_tls_error_handle_t *error_handle)
{
    if (tls == NULL || error_handle == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    *error_handle = tls->error_handle;
    return ESP_OK;
}

esp_err_t esp_tls_get_and_clear_last_error(esp_tls_error_handle_t h, int *esp_tls_code, int *esp_tls_flags)
{
    if (h == NULL) {
        return ESP_ERR_INVALID_STATE;
    }
    const esp_tls_last_error_t last = *h;
    memset(h, 0, sizeof(*h));
    if (esp_tls_code != NULL) {
        *esp_tls_code = last.esp_tls_error_code;
    }
    if (esp_tls_flags != NULL) {
        *esp_tls_flags = last.esp_tls_flags;
    }
    return last.last_error;
}

esp_err_t esp_tls_get_and_clear_error_type(esp_tls_error_handle_t h, esp_tls_error_type_t err_type, int *error_code)
{
    int *error = h != NULL ? error_of_type(h, err_type) : NULL;
    if (error == NULL || error_code == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    *error_code = *error;
    *error = 0;
    return ESP_OK;
}
