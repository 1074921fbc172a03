/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The way an application brings Ethernet up, on the supervisor's real network card: DHCP, events, the questions about
 * the interface; down and up again.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "board_test.h"
#include "esp_bit_defs.h"
#include "esp_eth.h"
#include "esp_event.h"
#include "esp_heap_caps.h"
#include "esp_mac.h"
#include "esp_netif.h"
#include "esp_timer.h"
#include "freertos/event_groups.h"

#define GOT_IP    BIT0
#define CONNECTED BIT1
#define LOST      BIT2

static EventGroupHandle_t seen;
static esp_netif_t *netif;
static ip_event_got_ip_t got;

static void on_event(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    (void)arg;
    if (base == IP_EVENT && id == IP_EVENT_ETH_GOT_IP) {
        got = *(ip_event_got_ip_t *)data;
        xEventGroupSetBits(seen, GOT_IP);
    } else if (base == ETH_EVENT && id == ETHERNET_EVENT_CONNECTED) {
        xEventGroupSetBits(seen, CONNECTED);
    } else if (base == ETH_EVENT && id == ETHERNET_EVENT_DISCONNECTED) {
        xEventGroupSetBits(seen, LOST);
    }
}

static esp_eth_handle_t install(void)
{
    eth_mac_config_t mac_config = ETH_MAC_DEFAULT_CONFIG();
    eth_phy_config_t phy_config = ETH_PHY_DEFAULT_CONFIG();
    esp_eth_config_t config =
        ETH_DEFAULT_CONFIG(esp_eth_mac_new_openeth(&mac_config), esp_eth_phy_new_dp83848(&phy_config));
    esp_netif_config_t netif_config = ESP_NETIF_DEFAULT_ETH();
    esp_eth_handle_t eth;
    netif = esp_netif_new(&netif_config);
    TEST_TRUE(netif != NULL);
    TEST_EQ(ESP_OK, esp_eth_driver_install(&config, &eth));
    TEST_EQ(ESP_OK, esp_netif_attach(netif, esp_eth_new_netif_glue(eth)));
    return eth;
}

static void check_address(void)
{
    char text[16];
    esp_netif_ip_info_t info;
    TEST_EQ(GOT_IP | CONNECTED, xEventGroupWaitBits(seen, GOT_IP | CONNECTED, pdTRUE, pdTRUE, 200));
    TEST_TRUE(got.esp_netif == netif);
    TEST_STR_EQ("10.0.2.15", esp_ip4addr_ntoa(&got.ip_info.ip, text, sizeof(text)));
    TEST_EQ(ESP_OK, esp_netif_get_ip_info(netif, &info));
    TEST_EQ(0, memcmp(&info, &got.ip_info, sizeof(info)));
    TEST_STR_EQ("255.255.255.0", esp_ip4addr_ntoa(&info.netmask, text, sizeof(text)));
    TEST_STR_EQ("10.0.2.2", esp_ip4addr_ntoa(&info.gw, text, sizeof(text)));
    TEST_TRUE(esp_netif_is_netif_up(netif));
}

static void the_address_comes_within_milliseconds(esp_eth_handle_t eth)
{
    int64_t start_us = esp_timer_get_time();
    TEST_EQ(ESP_OK, esp_eth_start(eth));
    TEST_EQ(ESP_ERR_INVALID_STATE, esp_eth_start(eth));
    check_address();
    TEST_WITHIN(0, 200000, esp_timer_get_time() - start_us);
}

static void the_interface_is_known(void)
{
    uint8_t mac[6], expected[6];
    const char *hostname;
    TEST_TRUE(esp_netif_get_handle_from_ifkey("ETH_DEF") == netif);
    TEST_TRUE(esp_netif_get_handle_from_ifkey("WIFI_STA_DEF") == NULL);
    TEST_STR_EQ("eth", esp_netif_get_desc(netif));
    TEST_EQ(ESP_OK, esp_netif_get_mac(netif, mac));
    TEST_EQ(ESP_OK, esp_read_mac(expected, ESP_MAC_ETH));
    TEST_EQ(0, memcmp(mac, expected, 6));
    TEST_EQ(ESP_OK, esp_netif_get_hostname(netif, &hostname));
    TEST_STR_EQ("espressif", hostname);
}

/* Nothing listens on the runner's port 9 (discard): its refusal is a packet out and one back. */
static void packets_come_back(void)
{
    struct sockaddr_in runner = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = got.ip_info.gw.addr};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    TEST_EQ(-1, connect(fd, (struct sockaddr *)&runner, sizeof(runner)));
    TEST_TRUE(errno == ECONNREFUSED || errno == ECONNRESET);
    close(fd);
}

static void it_goes_down_and_up_again(esp_eth_handle_t eth)
{
    for (int i = 0; i < 3; i++) {
        TEST_EQ(ESP_OK, esp_eth_stop(eth));
        TEST_EQ(LOST, xEventGroupWaitBits(seen, LOST, pdTRUE, pdTRUE, 100));
        TEST_TRUE(!esp_netif_is_netif_up(netif));
        TEST_EQ(ESP_OK, esp_eth_start(eth));
        check_address();
        packets_come_back();
    }
}

void app_main(void)
{
    seen = xEventGroupCreate();
    TEST_EQ(ESP_OK, esp_netif_init());
    TEST_EQ(ESP_OK, esp_netif_init());
    TEST_EQ(ESP_OK, esp_event_loop_create_default());
    esp_event_handler_register(IP_EVENT, ESP_EVENT_ANY_ID, on_event, NULL);
    esp_event_handler_register(ETH_EVENT, ESP_EVENT_ANY_ID, on_event, NULL);
    esp_eth_handle_t eth = install();
    printf("- the_address_comes_within_milliseconds\n");
    the_address_comes_within_milliseconds(eth);
    TEST_RUN(the_interface_is_known);
    TEST_RUN(packets_come_back);
    printf("- it_goes_down_and_up_again\n");
    it_goes_down_and_up_again(eth);
    TEST_TRUE(heap_caps_check_integrity_all(true));
    TEST_END();
}
