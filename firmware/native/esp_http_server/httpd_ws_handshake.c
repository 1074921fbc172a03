/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * From HTTP to WebSocket: the answer 101 (RFC 6455, section 4.2.2).
 */
#include <mbedtls/base64.h>
#include <mbedtls/md.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "esp_log.h"
#include "httpd_priv.h"

#ifdef CONFIG_HTTPD_WS_SUPPORT

static const char *TAG = "httpd_ws";

#define WS_GUID     "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define SHA1_BYTES  20
#define KEY_SIZE    28 /* base64 of 16 bytes, with room */
#define ACCEPT_SIZE 33
#define ANSWER_SIZE 192

static esp_err_t read_key(httpd_req_t *req, char key[KEY_SIZE])
{
    char version[3];
    if (httpd_req_get_hdr_value_str(req, "Sec-WebSocket-Version", version, sizeof(version)) != ESP_OK) {
        ESP_LOGW(TAG, "httpd_ws_respond_server_handshake: \"Sec-WebSocket-Version\" is not found");
        return ESP_ERR_NOT_FOUND;
    }
    if (strcmp(version, "13") != 0) {
        ESP_LOGW(TAG, "httpd_ws_respond_server_handshake: \"Sec-WebSocket-Version\" is not \"13\", it is: %s", version);
        return ESP_ERR_INVALID_VERSION;
    }
    if (httpd_req_get_hdr_value_str(req, "Sec-WebSocket-Key", key, KEY_SIZE) != ESP_OK) {
        ESP_LOGW(TAG, "httpd_ws_respond_server_handshake: Cannot find client key");
        return ESP_ERR_NOT_FOUND;
    }
    return ESP_OK;
}

static esp_err_t make_accept(const char *key, char accept[ACCEPT_SIZE])
{
    char text[KEY_SIZE + sizeof(WS_GUID)];
    int len = snprintf(text, sizeof(text), "%s" WS_GUID, key);
    unsigned char digest[SHA1_BYTES];
    int err = mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA1), (const unsigned char *)text, (size_t)len, digest);
    size_t written;
    if (err == 0) {
        err = mbedtls_base64_encode((unsigned char *)accept, ACCEPT_SIZE, &written, digest, sizeof(digest));
    }
    if (err != 0) {
        ESP_LOGE(TAG, "Error in calculating SHA1 sum , returned 0x%02X", (unsigned)err);
        return ESP_FAIL;
    }
    return ESP_OK;
}

static bool offers(httpd_req_t *req, const char *supported)
{
    char offered[50] = "";
    if (httpd_req_get_hdr_value_str(req, "Sec-WebSocket-Protocol", offered, sizeof(offered) - 1) ==
        ESP_ERR_HTTPD_RESULT_TRUNC) {
        ESP_LOGW(TAG, "Sec-WebSocket-Protocol length exceeded buffer size of %zu, was truncated", sizeof(offered));
    }
    if (offered[0] == '\0') {
        return false;
    }
    if (supported == NULL) {
        ESP_LOGW(TAG, "Sec-WebSocket-Protocol %s not supported, URI do not support any subprotocols", offered);
        return false;
    }
    char *rest = NULL;
    for (char *name = strtok_r(offered, ", ", &rest); name != NULL; name = strtok_r(NULL, ", ", &rest)) {
        if (strcmp(name, supported) == 0) {
            return true;
        }
    }
    ESP_LOGW(TAG, "Sec-WebSocket-Protocol %s not supported, supported subprotocol is %s", offered, supported);
    return false;
}

/* On an error nothing was sent, and the session is closed without an answer. */
esp_err_t httpd_ws_handshake(httpd_req_t *req, const char *subprotocol)
{
    if (httpd_exchange_of(req)->session->ws_open) {
        ESP_LOGW(TAG, "httpd_ws_respond_server_handshake: State is invalid - Handshake has been performed");
        return ESP_ERR_INVALID_STATE;
    }
    char key[KEY_SIZE];
    esp_err_t err = read_key(req, key);
    if (err != ESP_OK) {
        return err;
    }
    char accept[ACCEPT_SIZE];
    err = make_accept(key, accept);
    if (err != ESP_OK) {
        return err;
    }
    bool named = offers(req, subprotocol);
    char answer[ANSWER_SIZE];
    int len = snprintf(answer, sizeof(answer),
                       "HTTP/1.1 101 Switching Protocols\r\n"
                       "Upgrade: websocket\r\n"
                       "Connection: Upgrade\r\n"
                       "Sec-WebSocket-Accept: %s\r\n"
                       "%s%s%s\r\n",
                       accept, named ? "Sec-WebSocket-Protocol: " : "", named ? subprotocol : "", named ? "\r\n" : "");
    if (len < 0 || (size_t)len >= sizeof(answer)) {
        ESP_LOGE(TAG, "Error in response generation (%d bytes, buffer size: %zu)", len, sizeof(answer));
        return ESP_FAIL;
    }
    if (httpd_send(req, answer, (size_t)len) < 0) {
        ESP_LOGW(TAG, "httpd_ws_respond_server_handshake: Failed to send the response");
        return ESP_FAIL;
    }
    return ESP_OK;
}

#endif /* CONFIG_HTTPD_WS_SUPPORT */
