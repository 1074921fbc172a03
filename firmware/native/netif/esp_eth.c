/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * esp_eth: driver, MAC and PHY in one, since the card is a socket to the supervisor. It loses no frame by itself; loss,
 * delay and a network that is silent are made by the supervisor, in one place for all boards.
 */
#include "esp_eth.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "esp_event.h"
#include "esp_log.h"
#include "esp_mac.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

#include "board_link.h"
#include "ethernet.h"

#define FRAME_BYTES 1514 /* Ethernet without its checksum, no VLAN tag */

ESP_EVENT_DEFINE_BASE(ETH_EVENT);

static const char TAG[] = "esp_eth";

struct esp_eth_mac_s {
    eth_mac_config_t config;
};

struct esp_eth_phy_s {
    eth_phy_config_t config;
};

struct ethernet {
    esp_eth_mac_t *mac;
    esp_eth_phy_t *phy;
    TaskHandle_t receiver;
    ethernet_input_t input;
    ethernet_link_t link;
    void *ctx;
};

struct esp_eth_netif_glue_t {
    struct ethernet *driver;
};

esp_eth_mac_t *esp_eth_mac_new_openeth(const eth_mac_config_t *config)
{
    esp_eth_mac_t *mac = calloc(1, sizeof(*mac));
    if (mac != NULL) {
        mac->config = *config;
    }
    return mac;
}

esp_eth_phy_t *esp_eth_phy_new_dp83848(const eth_phy_config_t *config)
{
    esp_eth_phy_t *phy = calloc(1, sizeof(*phy));
    if (phy != NULL) {
        phy->config = *config;
    }
    return phy;
}

esp_eth_phy_t *esp_eth_phy_new_generic(const eth_phy_config_t *config)
{
    return esp_eth_phy_new_dp83848(config);
}

esp_err_t esp_eth_driver_install(const esp_eth_config_t *config, esp_eth_handle_t *out)
{
    if (config == NULL || out == NULL || config->mac == NULL || config->phy == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    struct ethernet *driver = calloc(1, sizeof(*driver));
    if (driver == NULL) {
        return ESP_ERR_NO_MEM;
    }
    driver->mac = config->mac;
    driver->phy = config->phy;
    *out = driver;
    return ESP_OK;
}

esp_err_t esp_eth_driver_uninstall(esp_eth_handle_t handle)
{
    struct ethernet *driver = handle;
    if (driver == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    if (driver->receiver != NULL) {
        return ESP_ERR_INVALID_STATE;
    }
    free(driver);
    return ESP_OK;
}

esp_eth_netif_glue_handle_t esp_eth_new_netif_glue(esp_eth_handle_t driver)
{
    esp_eth_netif_glue_handle_t glue = driver != NULL ? calloc(1, sizeof(*glue)) : NULL;
    if (glue != NULL) {
        glue->driver = driver;
    }
    return glue;
}

esp_err_t esp_eth_del_netif_glue(esp_eth_netif_glue_handle_t glue)
{
    free(glue);
    return ESP_OK;
}

esp_eth_handle_t ethernet_of_glue(void *glue)
{
    return ((esp_eth_netif_glue_handle_t)glue)->driver;
}

void ethernet_attach(esp_eth_handle_t handle, ethernet_input_t input, ethernet_link_t link, void *ctx)
{
    struct ethernet *driver = handle;
    driver->input = input;
    driver->link = link;
    driver->ctx = ctx;
}

esp_err_t ethernet_send(esp_eth_handle_t handle, const struct pbuf *frame)
{
    (void)handle;
    uint8_t copy[FRAME_BYTES];
    if (frame->tot_len > sizeof(copy)) {
        return ESP_ERR_INVALID_SIZE;
    }
    pbuf_copy_partial(frame, copy, frame->tot_len, 0);
    return write(BOARD_FD_NET, copy, frame->tot_len) == frame->tot_len ? ESP_OK : ESP_FAIL;
}

static void receive_frame(struct ethernet *driver, const uint8_t *bytes, size_t len)
{
    struct pbuf *frame = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_RAM);
    if (frame == NULL) {
        ESP_LOGW(TAG, "no memory for a frame of %u bytes", (unsigned)len); /* lost, as on a chip */
        return;
    }
    pbuf_take(frame, bytes, (u16_t)len);
    driver->input(driver->ctx, frame);
}

static void set_link(struct ethernet *driver, bool up)
{
    driver->link(driver->ctx, up);
    esp_event_post(ETH_EVENT, up ? ETHERNET_EVENT_CONNECTED : ETHERNET_EVENT_DISCONNECTED, &driver, sizeof(driver),
                   portMAX_DELAY);
}

static void receiver_task(void *arg)
{
    struct ethernet *driver = arg;
    uint8_t bytes[FRAME_BYTES];
    for (;;) {
        ssize_t len = read(BOARD_FD_NET, bytes, sizeof(bytes));
        if (len == 1 && bytes[0] == BOARD_NET_MOVED) {
            set_link(driver, false);
            set_link(driver, true);
        } else if (len > 0) {
            receive_frame(driver, bytes, (size_t)len);
        } else if (len == 0 || errno != EINTR) {
            break; /* the supervisor has gone, and takes this process with it */
        }
    }
    vTaskDelete(NULL);
}

esp_err_t esp_eth_start(esp_eth_handle_t handle)
{
    struct ethernet *driver = handle;
    if (driver == NULL || driver->input == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    if (driver->receiver != NULL) {
        return ESP_ERR_INVALID_STATE;
    }
    const eth_mac_config_t *mac = &driver->mac->config;
    if (xTaskCreate(receiver_task, "emac_rx", mac->rx_task_stack_size, driver, mac->rx_task_prio, &driver->receiver) !=
        pdPASS) {
        return ESP_ERR_NO_MEM;
    }
    esp_event_post(ETH_EVENT, ETHERNET_EVENT_START, &handle, sizeof(handle), portMAX_DELAY);
    set_link(driver, true);
    return ESP_OK;
}

esp_err_t esp_eth_stop(esp_eth_handle_t handle)
{
    struct ethernet *driver = handle;
    if (driver == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    if (driver->receiver == NULL) {
        return ESP_ERR_INVALID_STATE;
    }
    vTaskDelete(driver->receiver);
    driver->receiver = NULL;
    set_link(driver, false);
    esp_event_post(ETH_EVENT, ETHERNET_EVENT_STOP, &handle, sizeof(handle), portMAX_DELAY);
    return ESP_OK;
}

esp_err_t esp_eth_ioctl(esp_eth_handle_t handle, esp_eth_io_cmd_t cmd, void *data)
{
    if (handle == NULL || data == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    return cmd == ETH_CMD_G_MAC_ADDR ? esp_read_mac(data, ESP_MAC_ETH) : ESP_ERR_NOT_SUPPORTED;
}
