/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The calls of esp_tls.h that no client or server of the board makes: connecting step by step and by URL, plain TCP,
 * states and errors.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "board_test.h"
#include "esp_event.h"
#include "esp_heap_caps.h"
#include "esp_netif.h"
#include "esp_tls.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "lwip/sockets.h"
#include "tls_identity.h"

#define PORT 4433
#define URL  "https://127.0.0.1:4433/path?query"

static tls_identity_t identity;
static SemaphoreHandle_t served;

/* ---- A server that sends back what it gets, for one connection at a time ------------------------------------------
 */

static void serve(int fd, bool with_tls)
{
    esp_tls_cfg_server_t cfg = {
        .servercert_buf = identity.certificate,
        .servercert_bytes = (unsigned)identity.certificate_size,
        .serverkey_buf = identity.key,
        .serverkey_bytes = (unsigned)identity.key_size,
    };
    esp_tls_t *tls = esp_tls_init();
    TEST_TRUE(tls != NULL);
    char bytes[3000];
    ssize_t n;
    if (!with_tls) {
        while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
            send(fd, bytes, (size_t)n, 0);
        }
    } else if (esp_tls_server_session_create(&cfg, fd, tls) == 0) {
        while ((n = esp_tls_conn_read(tls, bytes, sizeof(bytes))) > 0) {
            TEST_EQ(n, esp_tls_conn_write(tls, bytes, (size_t)n));
        }
    }
    esp_tls_server_session_delete(tls);
    close(fd);
}

static int listener = -1;
static _Atomic bool speaks_tls = true;

static void server_task(void *arg)
{
    (void)arg;
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        TEST_TRUE(fd >= 0);
        serve(fd, speaks_tls);
        xSemaphoreGive(served);
    }
}

static void start_server(void)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    listener = socket(AF_INET, SOCK_STREAM, 0);
    TEST_EQ(0, bind(listener, (const struct sockaddr *)&address, sizeof(address)));
    TEST_EQ(0, listen(listener, 1));
    served = xSemaphoreCreateBinary();
    TEST_TRUE(xTaskCreate(server_task, "server", 8192, NULL, 5, NULL) == pdPASS);
}

static esp_tls_cfg_t trusting(void)
{
    return (esp_tls_cfg_t){
        .cacert_buf = identity.certificate,
        .cacert_bytes = (unsigned)identity.certificate_size,
        .common_name = "board",
        .timeout_ms = 3000,
    };
}

static void exchange(esp_tls_t *tls, size_t len)
{
    static char sent[20000], received[20000];
    for (size_t i = 0; i < len; i++) {
        sent[i] = (char)(i * 7);
    }
    for (size_t out = 0, in = 0; in < len;) {
        if (out == in) { /* a piece at a time, or both ends wait for each other to read */
            const size_t piece = len - out < 5000 ? len - out : 5000;
            TEST_EQ(piece, esp_tls_conn_write(tls, sent + out, piece));
            out += piece;
        }
        ssize_t n = esp_tls_conn_read(tls, received + in, len - in);
        if (n == ESP_TLS_ERR_SSL_WANT_READ) {
            continue; /* one of the cases has a short timeout */
        }
        TEST_TRUE(n > 0);
        in += (size_t)n;
    }
    TEST_TRUE(memcmp(sent, received, len) == 0);
}

static void end(esp_tls_t *tls)
{
    TEST_EQ(0, esp_tls_conn_destroy(tls));
    TEST_TRUE(xSemaphoreTake(served, pdMS_TO_TICKS(5000)) == pdTRUE);
}

/* ---- Cases ------------------------------------------------------------------------------------------------------ */

static void bytes_go_both_ways(void)
{
    const esp_tls_cfg_t cfg = trusting();
    esp_tls_t *tls = esp_tls_init();
    esp_tls_conn_state_t state;
    TEST_EQ(ESP_OK, esp_tls_get_conn_state(tls, &state));
    TEST_EQ(ESP_TLS_INIT, state);
    TEST_EQ(1, esp_tls_conn_http_new_sync(URL, &cfg, tls));
    TEST_EQ(ESP_OK, esp_tls_get_conn_state(tls, &state));
    TEST_EQ(ESP_TLS_DONE, state);
    TEST_STR_EQ("TLSv1.2", mbedtls_ssl_get_version(esp_tls_get_ssl_context(tls)));
    exchange(tls, 20000);
    end(tls);
}

static void what_is_decrypted_and_not_read_is_counted(void)
{
    const esp_tls_cfg_t cfg = trusting();
    esp_tls_t *tls = esp_tls_init();
    TEST_EQ(1, esp_tls_conn_http_new_sync(URL, &cfg, tls));
    TEST_EQ(0, esp_tls_get_bytes_avail(tls));
    TEST_EQ(100, esp_tls_conn_write(tls, identity.certificate, 100));
    char byte;
    TEST_EQ(1, esp_tls_conn_read(tls, &byte, 1));
    TEST_EQ(99, esp_tls_get_bytes_avail(tls));
    end(tls);
}

static void connects_step_by_step(void)
{
    esp_tls_cfg_t cfg = trusting();
    cfg.non_block = true;
    cfg.timeout_ms = 20; /* of one step */
    esp_tls_t *tls = esp_tls_init();
    int steps = 0, ret;
    while ((ret = esp_tls_conn_http_new_async(URL, &cfg, tls)) == 0) {
        TEST_TRUE(++steps < 3000);
        vTaskDelay(1);
    }
    TEST_EQ(1, ret);
    TEST_TRUE(steps > 0);
    int fd = -1;
    TEST_EQ(ESP_OK, esp_tls_get_conn_sockfd(tls, &fd));
    char byte;
    TEST_EQ(ESP_TLS_ERR_SSL_WANT_READ, esp_tls_conn_read(tls, &byte, 1)); /* the socket still does not block */
    TEST_EQ(0, fcntl(fd, F_SETFL, 0));
    exchange(tls, 5000);
    end(tls);
}

static void plain_tcp(void)
{
    speaks_tls = false;
    const esp_tls_cfg_t cfg = {.is_plain_tcp = true, .timeout_ms = 1000};
    esp_tls_t *tls = esp_tls_init();
    TEST_EQ(1, esp_tls_conn_new_sync("127.0.0.1", 9, PORT, &cfg, tls));
    exchange(tls, 5000);
    end(tls);
    speaks_tls = true;
}

static void errors_are_kept_until_read(void)
{
    const esp_tls_cfg_t cfg = trusting();
    esp_tls_t *tls = esp_tls_init();
    TEST_EQ(-1, esp_tls_conn_new_sync("127.0.0.1", 9, PORT + 1, &cfg, tls));
    esp_tls_error_handle_t errors = NULL;
    TEST_EQ(ESP_OK, esp_tls_get_error_handle(tls, &errors));
    int code = 0;
    TEST_EQ(ESP_OK, esp_tls_get_and_clear_error_type(errors, ESP_TLS_ERR_TYPE_SYSTEM, &code));
    TEST_EQ(ECONNRESET, code); /* as lwIP says that a connection was refused */
    TEST_EQ(ESP_ERR_ESP_TLS_FAILED_CONNECT_TO_HOST, esp_tls_get_and_clear_last_error(errors, &code, NULL));
    TEST_EQ(ESP_OK, esp_tls_get_and_clear_last_error(errors, &code, NULL));
    TEST_EQ(ESP_ERR_INVALID_ARG, esp_tls_get_and_clear_error_type(errors, ESP_TLS_ERR_TYPE_MAX, &code));
    TEST_EQ(0, esp_tls_conn_destroy(tls));
}

static void refuses_what_it_has_not(void)
{
    esp_tls_t *tls = esp_tls_init();
    esp_tls_cfg_server_t server = {0};
    TEST_EQ(ESP_ERR_NOT_SUPPORTED, esp_tls_cfg_server_session_tickets_init(&server));
    TEST_EQ(-1, esp_tls_server_session_create(&server, 0, tls)); /* no certificate */
    TEST_EQ(-1, esp_tls_conn_http_new_sync("no url", &(esp_tls_cfg_t){0}, tls));
    esp_tls_server_session_delete(tls);
    TEST_EQ(-1, esp_tls_conn_destroy(NULL));
    TEST_EQ(-1, esp_tls_conn_read(NULL, NULL, 0));
    TEST_TRUE(esp_tls_get_ciphersuites_list()[0] != 0);
}

static void nothing_is_left_of_a_session(void)
{
    size_t free_bytes = 0;
    for (int round = 0; round < 6; round++) {
        esp_tls_cfg_t cfg = trusting();
        if (round % 2 == 1) {
            cfg.common_name = "somebody else";
        }
        esp_tls_t *tls = esp_tls_init();
        TEST_EQ(round % 2 == 1 ? -1 : 1, esp_tls_conn_http_new_sync(URL, &cfg, tls));
        end(tls);
        vTaskDelay(pdMS_TO_TICKS(50));
        if (round == 1) {
            free_bytes = heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
        }
    }
    /* Four connections in TIME_WAIT, 256 bytes each. */
    TEST_WITHIN(free_bytes - 4 * 256 - 64, free_bytes + 64, heap_caps_get_free_size(MALLOC_CAP_DEFAULT));
}

void app_main(void)
{
    TEST_EQ(ESP_OK, esp_netif_init());
    TEST_EQ(ESP_OK, esp_event_loop_create_default());
    tls_identity_make(&identity);
    start_server();
    TEST_RUN(bytes_go_both_ways);
    TEST_RUN(what_is_decrypted_and_not_read_is_counted);
    TEST_RUN(connects_step_by_step);
    TEST_RUN(plain_tcp);
    TEST_RUN(errors_are_kept_until_read);
    TEST_RUN(refuses_what_it_has_not);
    TEST_RUN(nothing_is_left_of_a_session);
    TEST_END();
}
