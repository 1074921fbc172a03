/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP client on the serial line, for test_client.py.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "esp_http_client.h"
#include "esp_rom_crc.h"
#include "esp_tls.h"
#include "shell.h"

#define READ_MAX 65536

static esp_http_client_handle_t client;
static uint32_t event_crc; /* of the body, as ON_DATA events gave it */
static int event_len;

static esp_err_t on_event(esp_http_client_event_t *event)
{
    static const char *const names[] = {
        [HTTP_EVENT_ERROR] = "error",
        [HTTP_EVENT_ON_CONNECTED] = "connected",
        [HTTP_EVENT_HEADERS_SENT] = "headers_sent",
        [HTTP_EVENT_ON_FINISH] = "finish",
        [HTTP_EVENT_DISCONNECTED] = "disconnected",
        [HTTP_EVENT_REDIRECT] = "redirect",
    };
    if (event->event_id == HTTP_EVENT_ON_DATA) {
        event_crc = esp_rom_crc32_le(event_crc, event->data, (uint32_t)event->data_len);
        event_len += event->data_len;
    } else if (event->event_id == HTTP_EVENT_ON_HEADER) {
        printf("! header %s: %s\n", event->header_key, event->header_value);
    } else {
        printf("! %s\n", names[event->event_id]);
    }
    if (event->client != client || event->user_data != &client) {
        printf("! wrong event\n");
    }
    return ESP_OK;
}

static void print_err(esp_err_t err)
{
    if (err >= ESP_ERR_HTTP_BASE && err < ESP_ERR_HTTP_BASE + 16) {
        printf("= http+%d\n", err - ESP_ERR_HTTP_BASE);
    } else {
        printf("= %s\n", esp_err_to_name(err));
    }
}

static esp_err_t attach_bundle(void *conf)
{
    (void)conf;
    printf("! the bundle was attached\n");
    return ESP_OK;
}

/* The certificates are the blobs "ca" (PEM), "ca_der", "client_cert" and "client_key" (PEM). */
static void run_init(const struct shell_line *line)
{
    static char common_name[64]; /* the line is gone when it is looked at */
    snprintf(common_name, sizeof(common_name), "%s", shell_option(line, "name", ""));
    esp_http_client_config_t config = {
        .url = shell_option(line, "url", NULL),
        .host = shell_option(line, "host", NULL),
        .port = shell_option_number(line, "port", 0),
        .path = shell_option(line, "path", NULL),
        .query = shell_option(line, "query", NULL),
        .method = (esp_http_client_method_t)shell_option_number(line, "method", HTTP_METHOD_GET),
        .timeout_ms = shell_option_number(line, "timeout", 0),
        .buffer_size = shell_option_number(line, "buffer", 0),
        .buffer_size_tx = shell_option_number(line, "tx", 0),
        .disable_auto_redirect = shell_option_number(line, "noredirect", 0) != 0,
        .max_redirection_count = shell_option_number(line, "redirects", 0),
        .is_async = shell_option_number(line, "async", 0) != 0,
        .auth_type = (esp_http_client_auth_type_t)shell_option_number(line, "auth", 0),
        .cert_pem = shell_blob("ca", NULL),
        .client_cert_pem = shell_blob("client_cert", NULL),
        .client_key_pem = shell_blob("client_key", NULL),
        .skip_cert_common_name_check = shell_option_number(line, "anyname", 0) != 0,
        .crt_bundle_attach = shell_option_number(line, "bundle", 0) != 0 ? attach_bundle : NULL,
        .use_global_ca_store = shell_option_number(line, "global", 0) != 0,
        .keep_alive_enable = true,
        .event_handler = on_event,
        .user_data = &client,
    };
    if (config.cert_pem == NULL) {
        config.cert_der = shell_blob("ca_der", &config.cert_len);
    }
    config.common_name = common_name[0] != '\0' ? common_name : NULL;
    event_crc = 0;
    event_len = 0;
    client = esp_http_client_init(&config);
    printf("= %s\n", client != NULL ? "made" : "refused");
}

static void run_header(const struct shell_line *line)
{
    print_err(esp_http_client_set_header(client, shell_word(line, 1, ""), shell_word(line, 2, NULL)));
}

static void run_url(const struct shell_line *line)
{
    print_err(esp_http_client_set_url(client, shell_word(line, 1, "")));
}

static void run_open(const struct shell_line *line)
{
    print_err(esp_http_client_open(client, shell_number(line, 1, 0)));
}

static void run_write(const struct shell_line *line)
{
    const char *text = shell_word(line, 1, "");
    printf("= %d\n", esp_http_client_write(client, text, (int)strlen(text)));
}

/* writen BYTES: a pattern of that length */
static void run_writen(const struct shell_line *line)
{
    const int len = shell_number(line, 1, 0);
    char *bytes = malloc((size_t)len);
    memset(bytes, 'w', (size_t)len);
    printf("= %d\n", esp_http_client_write(client, bytes, len));
    free(bytes);
}

static void run_fetch(const struct shell_line *line)
{
    (void)line;
    printf("= %" PRId64 "\n", esp_http_client_fetch_headers(client));
}

static void run_status(const struct shell_line *line)
{
    (void)line;
    printf("= status=%d length=%" PRId64 " chunked=%d complete=%d\n", esp_http_client_get_status_code(client),
           esp_http_client_get_content_length(client), esp_http_client_is_chunked_response(client),
           esp_http_client_is_complete_data_received(client));
}

typedef int (*reader_t)(esp_http_client_handle_t client, char *buffer, int len);

static void print_read(const struct shell_line *line, reader_t reader)
{
    const int len = shell_number(line, 1, READ_MAX);
    char *buffer = malloc((size_t)len); /* of the exact length, so that a sanitizer sees one byte too many */
    int n = reader(client, buffer, len);
    printf("= %d crc=%08" PRIx32 "\n", n, n > 0 ? esp_rom_crc32_le(0, (uint8_t *)buffer, (uint32_t)n) : 0);
    free(buffer);
}

static void run_read(const struct shell_line *line)
{
    print_read(line, esp_http_client_read);
}

static void run_read_response(const struct shell_line *line)
{
    print_read(line, esp_http_client_read_response);
}

/* download BYTES: reads that much at a time until there is no more, as an update does */
static void run_download(const struct shell_line *line)
{
    const int step = shell_number(line, 1, 1024);
    char *buffer = malloc((size_t)step);
    uint32_t crc = 0;
    int total = 0, n;
    while ((n = esp_http_client_read(client, buffer, step)) > 0) {
        crc = esp_rom_crc32_le(crc, (uint8_t *)buffer, (uint32_t)n);
        total += n;
    }
    free(buffer);
    printf("= %d crc=%08" PRIx32 " last=%d complete=%d\n", total, crc, n,
           esp_http_client_is_complete_data_received(client));
}

static void run_redirect(const struct shell_line *line)
{
    (void)line;
    print_err(esp_http_client_set_redirection(client));
}

static void run_flush(const struct shell_line *line)
{
    (void)line;
    print_err(esp_http_client_flush_response(client, NULL));
}

static void run_close(const struct shell_line *line)
{
    (void)line;
    print_err(esp_http_client_close(client));
}

static void run_cleanup(const struct shell_line *line)
{
    (void)line;
    print_err(esp_http_client_cleanup(client));
}

static void run_post(const struct shell_line *line)
{
    static char data[256];
    snprintf(data, sizeof(data), "%s", shell_word(line, 1, ""));
    print_err(esp_http_client_set_post_field(client, data, (int)strlen(data)));
}

static void run_perform(const struct shell_line *line)
{
    (void)line;
    event_crc = 0;
    event_len = 0;
    print_err(esp_http_client_perform(client));
}

static void run_events(const struct shell_line *line)
{
    (void)line;
    printf("= %d crc=%08" PRIx32 "\n", event_len, event_crc);
}

static void run_errno(const struct shell_line *line)
{
    (void)line;
    printf("= %d\n", esp_http_client_get_errno(client));
}

static void run_tls_error(const struct shell_line *line)
{
    int code = 0, flags = 0;
    (void)line;
    esp_err_t err = esp_http_client_get_and_clear_last_tls_error(client, &code, &flags);
    printf("= %x code=%x flags=%x\n", (unsigned)err, (unsigned)code, (unsigned)flags);
}

static void run_global_ca(const struct shell_line *line)
{
    size_t len = 0;
    const char *ca = shell_blob(shell_word(line, 1, ""), &len);
    print_err(esp_tls_set_global_ca_store((const unsigned char *)ca, (unsigned)len + 1));
}

static void run_geturl(const struct shell_line *line)
{
    char url[128];
    (void)line;
    esp_http_client_get_url(client, url, sizeof(url));
    printf("= %s\n", url);
}

void app_main(void)
{
    static const struct shell_command commands[] = {
        {"init", run_init},
        {"header", run_header},
        {"url", run_url},
        {"geturl", run_geturl},
        {"open", run_open},
        {"write", run_write},
        {"writen", run_writen},
        {"fetch", run_fetch},
        {"status", run_status},
        {"read", run_read},
        {"read_response", run_read_response},
        {"download", run_download},
        {"redirect", run_redirect},
        {"flush", run_flush},
        {"close", run_close},
        {"cleanup", run_cleanup},
        {"post", run_post},
        {"perform", run_perform},
        {"events", run_events},
        {"errno", run_errno},
        {"tls_error", run_tls_error},
        {"global_ca", run_global_ca},
        {NULL, NULL},
    };
    shell_run(commands);
}
