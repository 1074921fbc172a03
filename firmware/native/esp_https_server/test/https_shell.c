/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A TLS server on the serial line, for the tests beside it. Its certificates are the blobs "cert", "key" and "ca"
 * (of clients), PEM.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "esp_event.h"
#include "esp_https_server.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "heap_arena.h"
#include "shell.h"

#define FRAME_BYTES 10000

static httpd_handle_t server;
static atomic_bool paused; /* the event loop stands still */

/* ---- Handlers --------------------------------------------------------------------------------------------------- */

static esp_err_t get_hello(httpd_req_t *req)
{
    return httpd_resp_sendstr(req, "hello");
}

static esp_err_t post_echo(httpd_req_t *req)
{
    char part[3000];
    for (size_t left = req->content_len; left > 0;) {
        int n = httpd_req_recv(req, part, left < sizeof(part) ? left : sizeof(part));
        if (n <= 0 || httpd_resp_send_chunk(req, part, n) != ESP_OK) {
            return ESP_FAIL;
        }
        left -= (size_t)n;
    }
    return httpd_resp_send_chunk(req, NULL, 0);
}

/* Frames until they can no longer be sent. */
static esp_err_t get_stream(httpd_req_t *req)
{
    static char frame[FRAME_BYTES];
    memset(frame, 'f', sizeof(frame));
    printf("! stream %d\n", httpd_req_to_sockfd(req));
    esp_err_t err;
    while ((err = httpd_resp_send_chunk(req, frame, sizeof(frame))) == ESP_OK) {
        vTaskDelay(1);
    }
    printf("! stream_end %s\n", esp_err_to_name(err));
    return err;
}

static esp_err_t get_ws(httpd_req_t *req)
{
    if (req->method == HTTP_GET) {
        printf("! ws %d\n", httpd_req_to_sockfd(req));
        return ESP_OK;
    }
    uint8_t payload[512];
    httpd_ws_frame_t frame = {.payload = payload};
    esp_err_t err = httpd_ws_recv_frame(req, &frame, sizeof(payload));
    return err == ESP_OK ? httpd_ws_send_frame(req, &frame) : err;
}

static void register_handlers(void)
{
    const httpd_uri_t uris[] = {
        {.uri = "/hello", .method = HTTP_GET, .handler = get_hello},
        {.uri = "/echo", .method = HTTP_POST, .handler = post_echo},
        {.uri = "/stream", .method = HTTP_GET, .handler = get_stream},
        {.uri = "/ws", .method = HTTP_GET, .handler = get_ws, .is_websocket = true},
        {.uri = "/any/*", .method = HTTP_GET, .handler = get_hello},
    };
    for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
        ESP_ERROR_CHECK(httpd_register_uri_handler(server, &uris[i]));
    }
}

/* ---- What the server tells -------------------------------------------------------------------------------------- */

static esp_err_t on_open(httpd_handle_t handle, int fd)
{
    printf("! open %d tls=%d\n", fd, httpd_sess_get_transport_ctx(handle, fd) != NULL);
    return ESP_FAIL; /* which is ignored */
}

static void on_session(esp_https_server_user_cb_arg_t *arg)
{
    const char *cipher = mbedtls_ssl_get_ciphersuite(esp_tls_get_ssl_context(arg->tls));
    printf("! session %s %s\n", arg->user_cb_state == HTTPD_SSL_USER_CB_SESS_CREATE ? "create" : "close", cipher);
}

static void on_event(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    static const char *const names[] = {"error", "start", "connected", "data", "sent", "disconnected", "stop"};
    (void)arg;
    (void)base;
    while (paused) {
        vTaskDelay(1);
    }
    if (id == HTTPS_SERVER_EVENT_ERROR) {
        const esp_https_server_last_error_t *last = data;
        printf("! event error %x code=%x\n", (unsigned)last->last_error, (unsigned)last->esp_tls_error_code);
    } else if (id == HTTPS_SERVER_EVENT_ON_DATA) {
        printf("! event data %d\n", *(const int *)data);
    } else {
        printf("! event %s\n", names[id]);
    }
}

/* ---- Commands --------------------------------------------------------------------------------------------------- */

static const uint8_t *pem(const char *name, size_t *len)
{
    const char *bytes = shell_blob(name, len);
    *len += bytes != NULL;
    return (const uint8_t *)bytes;
}

/* start [recv=S] [send=S] [max=N] [tickets=1] [insecure=1] [calls=1] */
static void run_start(const struct shell_line *line)
{
    httpd_ssl_config_t config = HTTPD_SSL_CONFIG_DEFAULT();
    config.httpd.recv_wait_timeout = (uint16_t)shell_option_number(line, "recv", 5);
    config.httpd.send_wait_timeout = (uint16_t)shell_option_number(line, "send", 5);
    config.httpd.max_open_sockets = (uint16_t)shell_option_number(line, "max", 4);
    config.httpd.lru_purge_enable = false;
    config.httpd.uri_match_fn = httpd_uri_match_wildcard;
    config.servercert = pem("cert", &config.servercert_len);
    config.prvtkey_pem = pem("key", &config.prvtkey_len);
    config.cacert_pem = pem("ca", &config.cacert_len);
    config.session_tickets = shell_option_number(line, "tickets", 0) != 0;
    if (shell_option_number(line, "insecure", 0) != 0) {
        config.transport_mode = HTTPD_SSL_TRANSPORT_INSECURE;
    }
    if (shell_option_number(line, "calls", 0) != 0) {
        config.httpd.open_fn = on_open;
        config.user_cb = on_session;
    }
    esp_err_t err = httpd_ssl_start(&server, &config);
    if (err == ESP_OK) {
        register_handlers();
    }
    printf("= %s\n", esp_err_to_name(err));
}

static void stop_task(void *arg)
{
    (void)arg;
    const int64_t start_us = esp_timer_get_time();
    esp_err_t err = httpd_ssl_stop(server);
    printf("! stopped %s ms=%d\n", esp_err_to_name(err), (int)((esp_timer_get_time() - start_us) / 1000));
    vTaskDelete(NULL);
}

/* Answers at once: a stop can take for ever. */
static void run_stop(const struct shell_line *line)
{
    (void)line;
    printf("= %d\n", (int)xTaskCreate(stop_task, "stop", 4096, NULL, 5, NULL));
}

static void run_shutdown(const struct shell_line *line)
{
    printf("= %d\n", shutdown(shell_number(line, 1, -1), SHUT_RDWR));
}

static void run_clients(const struct shell_line *line)
{
    int fds[8];
    size_t count = sizeof(fds) / sizeof(fds[0]);
    (void)line;
    esp_err_t err = httpd_get_client_list(server, &count, fds);
    printf("= %d\n", err == ESP_OK ? (int)count : -1);
}

/* fail K: the allocation after K more fails */
static void run_fail(const struct shell_line *line)
{
    printf("= ok\n"); /* before, or it is the line that fails */
    heap_arena_fail_after(shell_number(line, 1, -1));
}

static void run_events(const struct shell_line *line)
{
    (void)line;
    printf("= %s\n",
           esp_err_to_name(esp_event_handler_register(ESP_HTTPS_SERVER_EVENT, ESP_EVENT_ANY_ID, on_event, NULL)));
}

static void run_pause(const struct shell_line *line)
{
    paused = shell_number(line, 1, 0) != 0;
    printf("= ok\n");
}

void app_main(void)
{
    static const struct shell_command commands[] = {
        {"start", run_start}, {"stop", run_stop},     {"shutdown", run_shutdown}, {"clients", run_clients},
        {"fail", run_fail},   {"events", run_events}, {"pause", run_pause},       {NULL, NULL},
    };
    shell_run(commands);
}
