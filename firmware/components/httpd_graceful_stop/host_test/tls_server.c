/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * See tls_server.h.
 */
#include "tls_server.h"

#include "board_test.h"
#include "esp_https_server.h"

tls_identity_t tls_server_identity;

static esp_err_t start_tls(httpd_handle_t *out, void *config)
{
    return httpd_ssl_start(out, config);
}

static esp_err_t on_deaf(httpd_req_t *req)
{
    static const char frame[4096];
    while (httpd_resp_send_chunk(req, frame, sizeof(frame)) == ESP_OK) {
        vTaskDelay(1);
    }
    return ESP_FAIL;
}

static esp_err_t on_hello(httpd_req_t *req)
{
    atomic_fetch_add(&handlers_run, 1);
    return httpd_resp_sendstr(req, "hello");
}

static esp_err_t on_ws(httpd_req_t *req)
{
    return req->method == HTTP_GET ? ESP_OK : ESP_FAIL;
}

static void add(const char *path, esp_err_t (*handler)(httpd_req_t *), bool websocket)
{
    const httpd_uri_t uri = {.uri = path, .method = HTTP_GET, .handler = handler, .is_websocket = websocket};
    TEST_EQ(ESP_OK, httpd_graceful_stop_register_uri_handler(gs, &uri));
}

void tls_server_start_again(void)
{
    httpd_ssl_config_t config = HTTPD_SSL_CONFIG_DEFAULT();
    config.port_secure = PORT;
    config.httpd.lru_purge_enable = false;
    config.httpd.recv_wait_timeout = 1; /* seconds; ends no handshake */
    config.servercert = tls_server_identity.certificate;
    config.servercert_len = tls_server_identity.certificate_size;
    config.prvtkey_pem = tls_server_identity.key;
    config.prvtkey_len = tls_server_identity.key_size;
    const httpd_graceful_stop_server_t server = {
        .httpd = &config.httpd, .start = start_tls, .stop = httpd_ssl_stop, .config = &config};
    TEST_EQ(ESP_OK, httpd_graceful_stop_start_with(gs, &server));
    add("/stream", stream_frames, false);
    add("/deaf", on_deaf, false);
    add("/hello", on_hello, false);
    add("/ws", on_ws, true);
}

void tls_server_start(void)
{
    httpd_graceful_stop_config_t limits = HTTPD_GRACEFUL_STOP_CONFIG_DEFAULT();
    limits.drain_ms = DRAIN_MS;
    limits.shutdown_ms = SHUTDOWN_MS;
    limits.stop_ms = STOP_MS;
    TEST_EQ(ESP_OK, httpd_graceful_stop_create(&limits, &gs));
    atomic_store(&handlers_run, 0);
    tls_server_start_again();
}
