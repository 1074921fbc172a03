/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The command loop, and the network that every program of this kind needs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "esp_eth.h"
#include "esp_event.h"
#include "esp_heap_caps.h"
#include "esp_netif.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcpip.h"
#include "board_test.h"
#include "shell.h"

#define LINE_MAX_BYTES 1024
#define ADDRESS_MS     10000

static void on_got_ip(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    (void)base;
    (void)id;
    (void)data;
    xSemaphoreGive((SemaphoreHandle_t)arg);
}

static void start_network(void)
{
    SemaphoreHandle_t up = xSemaphoreCreateBinary();
    TEST_TRUE(esp_event_loop_create_default() == ESP_OK);
    TEST_TRUE(esp_netif_init() == ESP_OK);
    const esp_netif_config_t netif_config = ESP_NETIF_DEFAULT_ETH();
    esp_netif_t *netif = esp_netif_new(&netif_config);
    const eth_mac_config_t mac_config = ETH_MAC_DEFAULT_CONFIG();
    const eth_phy_config_t phy_config = ETH_PHY_DEFAULT_CONFIG();
    const esp_eth_config_t eth_config =
        ETH_DEFAULT_CONFIG(esp_eth_mac_new_openeth(&mac_config), esp_eth_phy_new_dp83848(&phy_config));
    esp_eth_handle_t eth;
    TEST_TRUE(esp_eth_driver_install(&eth_config, &eth) == ESP_OK);
    TEST_TRUE(esp_netif_attach(netif, esp_eth_new_netif_glue(eth)) == ESP_OK);
    TEST_TRUE(esp_event_handler_register(IP_EVENT, IP_EVENT_ETH_GOT_IP, on_got_ip, up) == ESP_OK);
    TEST_TRUE(esp_eth_start(eth) == ESP_OK);
    TEST_TRUE(xSemaphoreTake(up, pdMS_TO_TICKS(ADDRESS_MS)) == pdTRUE);
}

const char *shell_word(const struct shell_line *line, int index, const char *fallback)
{
    return index < line->count ? line->words[index] : fallback;
}

int shell_number(const struct shell_line *line, int index, int fallback)
{
    return index < line->count ? atoi(line->words[index]) : fallback;
}

const char *shell_option(const struct shell_line *line, const char *key, const char *fallback)
{
    const size_t len = strlen(key);
    for (int i = 1; i < line->count; i++) {
        if (strncmp(line->words[i], key, len) == 0 && line->words[i][len] == '=') {
            return line->words[i] + len + 1;
        }
    }
    return fallback;
}

int shell_option_number(const struct shell_line *line, const char *key, int fallback)
{
    const char *value = shell_option(line, key, NULL);
    return value != NULL ? atoi(value) : fallback;
}

/* ---- Blobs ------------------------------------------------------------------------------------------------------ */

static struct blob {
    struct blob *next;
    size_t len;
    char *bytes;
    char name[32];
} * blobs;

static struct blob *find_blob(const char *name)
{
    struct blob *blob = blobs;
    while (blob != NULL && strcmp(blob->name, name) != 0) {
        blob = blob->next;
    }
    return blob;
}

const char *shell_blob(const char *name, size_t *len)
{
    const struct blob *blob = find_blob(name);
    if (len != NULL) {
        *len = blob != NULL ? blob->len : 0;
    }
    return blob != NULL ? blob->bytes : NULL;
}

/* blob NAME HEX: appends */
static void run_blob(const struct shell_line *line)
{
    const char *name = shell_word(line, 1, ""), *hex = shell_word(line, 2, "");
    struct blob *blob = find_blob(name);
    if (blob == NULL) {
        blob = calloc(1, sizeof(*blob));
        TEST_TRUE(blob != NULL);
        snprintf(blob->name, sizeof(blob->name), "%s", name);
        blob->next = blobs;
        blobs = blob;
    }
    blob->bytes = realloc(blob->bytes, blob->len + strlen(hex) / 2 + 1);
    TEST_TRUE(blob->bytes != NULL);
    for (unsigned byte; sscanf(hex, "%2x", &byte) == 1; hex += 2) {
        blob->bytes[blob->len++] = (char)byte;
    }
    blob->bytes[blob->len] = '\0';
    printf("= %u\n", (unsigned)blob->len);
}

/* ---- What lwIP has handed on ------------------------------------------------------------------------------------ */

struct taken {
    uint32_t bytes;
    SemaphoreHandle_t done;
};

static void count_taken(void *arg)
{
    struct taken *taken = arg;
    for (const struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) {
        taken->bytes += pcb->rcv_nxt - (TCP_WND - pcb->rcv_wnd);
    }
    xSemaphoreGive(taken->done);
}

/* taken: bytes that the program has read from its connections; each connection counts from a number of its own */
static void run_taken(void)
{
    struct taken taken = {.done = xSemaphoreCreateBinary()};
    TEST_TRUE(tcpip_callback(count_taken, &taken) == ERR_OK);
    xSemaphoreTake(taken.done, portMAX_DELAY);
    vSemaphoreDelete(taken.done);
    printf("= %u\n", (unsigned)taken.bytes);
}

/* ---- Commands --------------------------------------------------------------------------------------------------- */

static void run_line(const struct shell_command *commands, char *text)
{
    struct shell_line line = {0};
    char *rest = NULL;
    for (char *word = strtok_r(text, " \r\n", &rest); word != NULL; word = strtok_r(NULL, " \r\n", &rest)) {
        TEST_TRUE(line.count < (int)(sizeof(line.words) / sizeof(line.words[0])));
        line.words[line.count++] = word;
    }
    if (line.count == 0) {
        return;
    }
    if (strcmp(line.words[0], "heap") == 0) {
        printf("= heap %u\n", (unsigned)heap_caps_get_free_size(MALLOC_CAP_DEFAULT));
        return;
    }
    if (strcmp(line.words[0], "taken") == 0) {
        run_taken();
        return;
    }
    if (strcmp(line.words[0], "blob") == 0) {
        run_blob(&line);
        return;
    }
    for (; commands->name != NULL; commands++) {
        if (strcmp(commands->name, line.words[0]) == 0) {
            commands->run(&line);
            return;
        }
    }
    TEST_FAIL("unknown command %s", line.words[0]);
}

void shell_run(const struct shell_command *commands)
{
    static char text[LINE_MAX_BYTES];
    setvbuf(stdout, NULL, _IOLBF, 0); /* tasks print whole lines */
    start_network();
    printf("! ready\n");
    while (fgets(text, sizeof(text), stdin) != NULL) {
        run_line(commands, text);
    }
    board_exit(0);
}
