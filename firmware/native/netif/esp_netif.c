/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * esp_netif: an Ethernet interface of lwIP with a DHCP client, and the events that tell its address.
 */
#include "esp_netif.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_event.h"
#include "esp_log.h"
#include "esp_mac.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "lwip/dhcp.h"
#include "lwip/etharp.h"
#include "lwip/netifapi.h"
#include "lwip/tcpip.h"
#include "netif/ethernet.h"

#include "ethernet.h"

#define HOSTNAME_BYTES 33 /* ESP-IDF's limit of 32 and the NUL */
#define MTU            1500

ESP_EVENT_DEFINE_BASE(IP_EVENT);

const esp_netif_inherent_config_t _g_esp_netif_inherent_eth_config = {
    .if_key = "ETH_DEF",
    .if_desc = "eth",
    .route_prio = 50,
};

static const char TAG[] = "esp_netif";

struct esp_netif_obj {
    struct esp_netif_obj *next;
    const esp_netif_inherent_config_t *base;
    struct netif lwip;
    esp_eth_handle_t driver;
    esp_netif_ip_info_t told; /* the address that was told last; TCP/IP task */
    char hostname[HOSTNAME_BYTES];
};

static esp_netif_t *s_interfaces; /* made and destroyed by the application's start-up alone */

static void tcpip_is_up(void *arg)
{
    xSemaphoreGive((SemaphoreHandle_t)arg);
}

esp_err_t esp_netif_init(void)
{
    static bool s_started;
    if (s_started) {
        return ESP_OK; /* as ESP-IDF: a second call does nothing */
    }
    SemaphoreHandle_t up = xSemaphoreCreateBinary();
    if (up == NULL) {
        return ESP_ERR_NO_MEM;
    }
    s_started = true;
    tcpip_init(tcpip_is_up, up);
    xSemaphoreTake(up, portMAX_DELAY);
    vSemaphoreDelete(up);
    return ESP_OK;
}

esp_err_t esp_netif_deinit(void)
{
    return ESP_ERR_NOT_SUPPORTED; /* as ESP-IDF: lwIP cannot be taken down */
}

esp_netif_t *esp_netif_new(const esp_netif_config_t *config)
{
    if (config == NULL || config->base == NULL || esp_netif_get_handle_from_ifkey(config->base->if_key) != NULL) {
        return NULL;
    }
    esp_netif_t *netif = calloc(1, sizeof(*netif));
    if (netif == NULL) {
        return NULL;
    }
    netif->base = config->base;
    strcpy(netif->hostname, "espressif"); /* CONFIG_LWIP_LOCAL_HOSTNAME's default */
    netif->next = s_interfaces;
    s_interfaces = netif;
    return netif;
}

/* ---- in the TCP/IP task ---- */

static err_t send_frame(struct netif *lwip, struct pbuf *frame)
{
    esp_netif_t *netif = lwip->state;
    return ethernet_send(netif->driver, frame) == ESP_OK ? ERR_OK : ERR_IF;
}

static void address_changed(struct netif *lwip)
{
    esp_netif_t *netif = lwip->state;
    const esp_netif_ip_info_t now = {
        .ip.addr = ip4_addr_get_u32(netif_ip4_addr(lwip)),
        .netmask.addr = ip4_addr_get_u32(netif_ip4_netmask(lwip)),
        .gw.addr = ip4_addr_get_u32(netif_ip4_gw(lwip)),
    };
    if (memcmp(&now, &netif->told, sizeof(now)) == 0) {
        return;
    }
    ip_event_got_ip_t got = {.esp_netif = netif, .ip_info = now, .ip_changed = now.ip.addr != netif->told.ip.addr};
    netif->told = now;
    /* Nobody may wait in this task. */
    if (esp_event_post(IP_EVENT, now.ip.addr != 0 ? IP_EVENT_ETH_GOT_IP : IP_EVENT_ETH_LOST_IP, &got, sizeof(got), 0) !=
        ESP_OK) {
        ESP_LOGE(TAG, "no room in the event queue for the new address");
    }
    if (now.ip.addr != 0) {
        ESP_LOGI(TAG, "%s ip: " IPSTR ", mask: " IPSTR ", gw: " IPSTR, netif->base->if_desc, IP2STR(&now.ip),
                 IP2STR(&now.netmask), IP2STR(&now.gw));
    }
}

static err_t init_interface(struct netif *lwip)
{
    esp_netif_t *netif = lwip->state;
    lwip->name[0] = 'e';
    lwip->name[1] = 'n';
    lwip->hostname = netif->hostname;
    lwip->output = etharp_output;
    lwip->linkoutput = send_frame;
    lwip->mtu = MTU;
    lwip->hwaddr_len = ETH_HWADDR_LEN;
    lwip->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_IGMP;
    netif_set_status_callback(lwip, address_changed);
    return esp_read_mac(lwip->hwaddr, ESP_MAC_ETH) == ESP_OK ? ERR_OK : ERR_IF;
}

/* ---- from the driver ---- */

static void take_frame(void *ctx, struct pbuf *frame)
{
    struct netif *lwip = &((esp_netif_t *)ctx)->lwip;
    if (lwip->input(frame, lwip) != ERR_OK) {
        pbuf_free(frame); /* the TCP/IP task's mailbox is full: lost, as on a chip */
    }
}

static void link_changed(void *ctx, bool up)
{
    struct netif *lwip = &((esp_netif_t *)ctx)->lwip;
    if (up) {
        netifapi_netif_set_up(lwip);
        netifapi_netif_set_link_up(lwip);
        netifapi_dhcp_start(lwip);
    } else {
        netifapi_dhcp_release_and_stop(lwip);
        netifapi_netif_set_link_down(lwip);
        netifapi_netif_set_down(lwip);
    }
}

esp_err_t esp_netif_attach(esp_netif_t *netif, esp_netif_iodriver_handle glue)
{
    if (netif == NULL || glue == NULL || netif->driver != NULL) {
        return ESP_ERR_ESP_NETIF_INVALID_PARAMS;
    }
    netif->driver = ethernet_of_glue(glue);
    ethernet_attach(netif->driver, take_frame, link_changed, netif);
    if (netifapi_netif_add(&netif->lwip, NULL, NULL, NULL, netif, init_interface, tcpip_input) != ERR_OK) {
        return ESP_ERR_ESP_NETIF_IF_NOT_READY;
    }
    netifapi_netif_set_default(&netif->lwip);
    return ESP_OK;
}

void esp_netif_destroy(esp_netif_t *netif)
{
    for (esp_netif_t **link = &s_interfaces; *link != NULL; link = &(*link)->next) {
        if (*link == netif) {
            *link = netif->next;
            if (netif->driver != NULL) {
                netifapi_netif_remove(&netif->lwip);
            }
            free(netif);
            return;
        }
    }
}

/* ---- questions ---- */

esp_err_t esp_netif_get_ip_info(esp_netif_t *netif, esp_netif_ip_info_t *info)
{
    if (netif == NULL || info == NULL) {
        return ESP_ERR_ESP_NETIF_INVALID_PARAMS;
    }
    info->ip.addr = ip4_addr_get_u32(netif_ip4_addr(&netif->lwip));
    info->netmask.addr = ip4_addr_get_u32(netif_ip4_netmask(&netif->lwip));
    info->gw.addr = ip4_addr_get_u32(netif_ip4_gw(&netif->lwip));
    return ESP_OK;
}

esp_err_t esp_netif_get_mac(esp_netif_t *netif, uint8_t mac[])
{
    if (netif == NULL || mac == NULL || netif->driver == NULL) {
        return ESP_ERR_ESP_NETIF_INVALID_PARAMS;
    }
    memcpy(mac, netif->lwip.hwaddr, ETH_HWADDR_LEN);
    return ESP_OK;
}

esp_err_t esp_netif_set_hostname(esp_netif_t *netif, const char *hostname)
{
    if (netif == NULL || hostname == NULL || strlen(hostname) >= HOSTNAME_BYTES) {
        return ESP_ERR_ESP_NETIF_INVALID_PARAMS;
    }
    strcpy(netif->hostname, hostname);
    return ESP_OK;
}

esp_err_t esp_netif_get_hostname(esp_netif_t *netif, const char **hostname)
{
    if (netif == NULL || hostname == NULL) {
        return ESP_ERR_ESP_NETIF_INVALID_PARAMS;
    }
    *hostname = netif->hostname;
    return ESP_OK;
}

bool esp_netif_is_netif_up(esp_netif_t *netif)
{
    return netif != NULL && netif->driver != NULL && netif_is_up(&netif->lwip) && netif_is_link_up(&netif->lwip);
}

const char *esp_netif_get_ifkey(esp_netif_t *netif)
{
    return netif->base->if_key;
}

const char *esp_netif_get_desc(esp_netif_t *netif)
{
    return netif->base->if_desc;
}

esp_netif_t *esp_netif_get_handle_from_ifkey(const char *if_key)
{
    for (esp_netif_t *netif = s_interfaces; netif != NULL; netif = netif->next) {
        if (strcmp(netif->base->if_key, if_key) == 0) {
            return netif;
        }
    }
    return NULL;
}

char *esp_ip4addr_ntoa(const esp_ip4_addr_t *addr, char *buf, int buf_len)
{
    const int len = snprintf(buf, (size_t)buf_len, IPSTR, IP2STR(addr));
    return len > 0 && len < buf_len ? buf : NULL;
}
