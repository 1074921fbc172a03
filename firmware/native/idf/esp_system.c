/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Restart and its handlers, reset reason, heap figures, random numbers, MAC addresses.
 */
#include <stdatomic.h>
#include <string.h>

#include "board_link_client.h"
#include "esp_heap_caps.h"
#include "esp_mac.h"
#include "esp_random.h"
#include "esp_system.h"
#include "native_kernel.h"

#define SHUTDOWN_HANDLERS 5 /* as many as ESP-IDF has room for */

static shutdown_handler_t shutdown_handlers[SHUTDOWN_HANDLERS]; /* kernel lock */

esp_err_t esp_register_shutdown_handler(shutdown_handler_t handler)
{
    esp_err_t err = ESP_ERR_NO_MEM;
    kernel_lock();
    for (int i = 0; i < SHUTDOWN_HANDLERS; i++) {
        if (shutdown_handlers[i] == handler) {
            err = ESP_ERR_INVALID_STATE;
            break;
        }
        if (shutdown_handlers[i] == NULL) {
            shutdown_handlers[i] = handler;
            err = ESP_OK;
            break;
        }
    }
    kernel_unlock();
    return err;
}

esp_err_t esp_unregister_shutdown_handler(shutdown_handler_t handler)
{
    esp_err_t err = ESP_ERR_INVALID_STATE;
    kernel_lock();
    for (int i = 0; i < SHUTDOWN_HANDLERS; i++) {
        if (shutdown_handlers[i] == handler) {
            shutdown_handlers[i] = NULL;
            err = ESP_OK;
            break;
        }
    }
    kernel_unlock();
    return err;
}

void esp_restart(void)
{
    for (int i = SHUTDOWN_HANDLERS - 1; i >= 0; i--) {
        if (shutdown_handlers[i] != NULL) {
            shutdown_handlers[i]();
        }
    }
    board_link_reset(BOARD_RESET_SW);
}

esp_reset_reason_t esp_reset_reason(void)
{
    return (esp_reset_reason_t)board_hello()->reset_reason;
}

uint32_t esp_get_free_heap_size(void)
{
    return (uint32_t)heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
}

uint32_t esp_get_free_internal_heap_size(void)
{
    return (uint32_t)heap_caps_get_free_size(MALLOC_CAP_INTERNAL);
}

uint32_t esp_get_minimum_free_heap_size(void)
{
    return (uint32_t)heap_caps_get_minimum_free_size(MALLOC_CAP_DEFAULT);
}

const char *esp_get_idf_version(void)
{
    return NATIVE_IDF_NAME;
}

/* SplitMix64: each call takes the next number of one sequence, whichever task calls. */
uint32_t esp_random(void)
{
    static _Atomic uint64_t calls;
    uint64_t n = atomic_fetch_add(&calls, 1) + 1;
    uint64_t z = board_hello()->seed + n * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)((z ^ (z >> 31)) >> 32);
}

void esp_fill_random(void *buf, size_t len)
{
    uint8_t *out = buf;
    while (len > 0) {
        uint32_t word = esp_random();
        size_t n = len < sizeof(word) ? len : sizeof(word);
        memcpy(out, &word, n);
        out += n;
        len -= n;
    }
}

esp_err_t esp_efuse_mac_get_default(uint8_t *mac)
{
    if (mac == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    memcpy(mac, board_hello()->mac, sizeof(board_hello()->mac));
    return ESP_OK;
}

esp_err_t esp_base_mac_addr_get(uint8_t *mac)
{
    return esp_efuse_mac_get_default(mac);
}

esp_err_t esp_read_mac(uint8_t *mac, esp_mac_type_t type)
{
    uint8_t offset;
    switch (type) {
    case ESP_MAC_WIFI_STA:
    case ESP_MAC_BASE:
    case ESP_MAC_EFUSE_FACTORY:
        offset = 0;
        break;
    case ESP_MAC_WIFI_SOFTAP:
        offset = 1;
        break;
    case ESP_MAC_BT:
        offset = 2;
        break;
    case ESP_MAC_ETH:
        offset = 3;
        break;
    default:
        return ESP_ERR_NOT_SUPPORTED;
    }
    esp_err_t err = esp_efuse_mac_get_default(mac);
    if (err == ESP_OK) {
        mac[5] = (uint8_t)(mac[5] + offset);
    }
    return err;
}
