/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Brings the network up. Which one is chosen by Kconfig (HIL_NETWORK), the rest of the app sees only "there is an
 * address".
 */
#include "network.h"

#include <string.h>

#include "esp_bit_defs.h"
#include "esp_check.h"
#include "esp_event.h"
#include "esp_heap_caps.h"
#include "esp_log.h"
#include "esp_netif.h"
#include "freertos/FreeRTOS.h"
#include "freertos/event_groups.h"
#include "freertos/task.h"
#include "sdkconfig.h"

#include "events.h"
#include "idf_compat.h"
#include "settings.h"

#if CONFIG_HIL_NETWORK_WIFI
#include "esp_wifi.h"
#else
#include "esp_eth.h"
#if __has_include("esp_eth_mac_openeth.h") /* a header of its own since 5.3 */
#include "esp_eth_mac_openeth.h"
#endif
#endif

#define UP_BIT BIT0

static const char TAG[] = "network";
static _Atomic EventGroupHandle_t s_up; /* the self-test waits before it is made */

static void on_got_ip(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    const ip_event_got_ip_t *got = data;
    (void)arg;
    (void)base;
    (void)id;
    event("net", "\"ip\":\"" IPSTR "\",\"heap\":%u", IP2STR(&got->ip_info.ip),
          (unsigned)heap_caps_get_free_size(MALLOC_CAP_DEFAULT));
    xEventGroupSetBits(s_up, UP_BIT);
}

static void on_lost_ip(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    (void)arg;
    (void)base;
    (void)id;
    (void)data;
    xEventGroupClearBits(s_up, UP_BIT);
}

#if CONFIG_HIL_NETWORK_WIFI

static void on_wifi(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    (void)arg;
    (void)base;
    (void)data;
    if (id == WIFI_EVENT_STA_START || id == WIFI_EVENT_STA_DISCONNECTED) {
        xEventGroupClearBits(s_up, UP_BIT);
        esp_wifi_connect();
    }
}

static esp_err_t start_driver(void)
{
    ESP_RETURN_ON_FALSE(esp_netif_create_default_wifi_sta() != NULL, ESP_ERR_NO_MEM, TAG, "no station interface");
    const wifi_init_config_t init = WIFI_INIT_CONFIG_DEFAULT();
    ESP_RETURN_ON_ERROR(esp_wifi_init(&init), TAG, "Wi-Fi driver");
    ESP_RETURN_ON_ERROR(esp_event_handler_register(WIFI_EVENT, ESP_EVENT_ANY_ID, on_wifi, NULL), TAG, "handler");
    ESP_RETURN_ON_ERROR(esp_event_handler_register(IP_EVENT, IP_EVENT_STA_GOT_IP, on_got_ip, NULL), TAG, "handler");
    ESP_RETURN_ON_ERROR(esp_event_handler_register(IP_EVENT, IP_EVENT_STA_LOST_IP, on_lost_ip, NULL), TAG, "handler");

    wifi_config_t config = {0};
    /* Neither field need end with a NUL when it is full. */
    memcpy(config.sta.ssid, settings()->wifi_ssid, strnlen(settings()->wifi_ssid, sizeof(config.sta.ssid)));
    memcpy(config.sta.password, settings()->wifi_pass, strnlen(settings()->wifi_pass, sizeof(config.sta.password)));
    ESP_RETURN_ON_ERROR(esp_wifi_set_storage(WIFI_STORAGE_RAM), TAG, "storage");
    ESP_RETURN_ON_ERROR(esp_wifi_set_mode(WIFI_MODE_STA), TAG, "mode");
    ESP_RETURN_ON_ERROR(esp_wifi_set_config(WIFI_IF_STA, &config), TAG, "configuration");
    ESP_RETURN_ON_ERROR(esp_wifi_start(), TAG, "start");
    /* Modem sleep holds frames back for up to a beacon interval or more. */
    return esp_wifi_set_ps(WIFI_PS_NONE);
}

#else

static esp_err_t start_driver(void)
{
    const esp_netif_config_t netif_config = ESP_NETIF_DEFAULT_ETH();
    esp_netif_t *netif = esp_netif_new(&netif_config);
    ESP_RETURN_ON_FALSE(netif != NULL, ESP_ERR_NO_MEM, TAG, "no Ethernet interface");

    const eth_mac_config_t mac_config = ETH_MAC_DEFAULT_CONFIG();
    const eth_phy_config_t phy_config = ETH_PHY_DEFAULT_CONFIG();
    esp_eth_mac_t *mac = esp_eth_mac_new_openeth(&mac_config);
    esp_eth_phy_t *phy = openeth_phy_new(&phy_config);
    ESP_RETURN_ON_FALSE(mac != NULL && phy != NULL, ESP_ERR_NO_MEM, TAG, "no Ethernet MAC or PHY");
    const esp_eth_config_t eth_config = ETH_DEFAULT_CONFIG(mac, phy);
    esp_eth_handle_t eth;
    ESP_RETURN_ON_ERROR(esp_eth_driver_install(&eth_config, &eth), TAG, "Ethernet driver");
    ESP_RETURN_ON_ERROR(esp_netif_attach(netif, esp_eth_new_netif_glue(eth)), TAG, "attach");

    ESP_RETURN_ON_ERROR(esp_event_handler_register(IP_EVENT, IP_EVENT_ETH_GOT_IP, on_got_ip, NULL), TAG, "handler");
    ESP_RETURN_ON_ERROR(esp_event_handler_register(IP_EVENT, IP_EVENT_ETH_LOST_IP, on_lost_ip, NULL), TAG, "handler");
    return esp_eth_start(eth);
}

#endif

esp_err_t network_start(void)
{
    s_up = xEventGroupCreate();
    ESP_RETURN_ON_FALSE(s_up != NULL, ESP_ERR_NO_MEM, TAG, "no memory");
    ESP_RETURN_ON_ERROR(esp_netif_init(), TAG, "esp_netif_init");
    return start_driver();
}

bool network_wait_up(uint32_t timeout_ms)
{
    const TickType_t ticks = timeout_ms == UINT32_MAX ? portMAX_DELAY : pdMS_TO_TICKS(timeout_ms);
    if (s_up == NULL) {
        vTaskDelay(ticks);
        return false;
    }
    return (xEventGroupWaitBits(s_up, UP_BIT, pdFALSE, pdTRUE, ticks) & UP_BIT) != 0;
}
