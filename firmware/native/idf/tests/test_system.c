/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Restart and reset reason over two boots, names of errors, CRC, random numbers, MAC addresses, early-return macros.
 */
#include "board_test.h"
#include "esp_check.h"
#include "esp_crc.h"
#include "esp_err.h"
#include "esp_idf_version.h"
#include "esp_mac.h"
#include "esp_random.h"
#include "esp_system.h"

static void errors_have_names(void)
{
    char text[40];
    TEST_STR_EQ("ESP_OK", esp_err_to_name(ESP_OK));
    TEST_STR_EQ("ESP_FAIL", esp_err_to_name(ESP_FAIL));
    TEST_STR_EQ("ESP_ERR_TIMEOUT", esp_err_to_name(ESP_ERR_TIMEOUT));
    TEST_STR_EQ("ESP_ERR_OTA_VALIDATE_FAILED", esp_err_to_name(0x1503));
    TEST_STR_EQ("ESP_ERR_HTTPD_TASK", esp_err_to_name(0xb008));
    TEST_STR_EQ("ERROR", esp_err_to_name(0x777));
    TEST_STR_EQ("UNKNOWN ERROR 0x777(1911)", esp_err_to_name_r(0x777, text, sizeof(text)));
}

static void crcs_are_the_roms(void)
{
    const uint8_t *digits = (const uint8_t *)"123456789"; /* the check value of every CRC catalogue */
    TEST_EQ(0xCBF43926u, esp_rom_crc32_le(0, digits, 9));
    TEST_EQ(0xCBF43926u, esp_crc32_le(esp_crc32_le(0, digits, 4), digits + 4, 5));
    TEST_EQ(0x906E, esp_rom_crc16_le(0, digits, 9)); /* CRC-16/IBM-SDLC */
}

static void random_numbers_differ(void)
{
    uint32_t bits_seen = 0, bits_missing = 0xffffffff;
    for (int i = 0; i < 1000; i++) {
        uint32_t value = esp_random();
        bits_seen |= value;
        bits_missing &= value;
    }
    TEST_EQ(0xffffffffu, bits_seen);
    TEST_EQ(0, bits_missing);
    uint8_t bytes[7] = {0};
    esp_fill_random(bytes, 6);
    TEST_EQ(0, bytes[6]);
}

static void mac_addresses_are_counted_up(void)
{
    uint8_t base[6], eth[6];
    TEST_EQ(ESP_OK, esp_efuse_mac_get_default(base));
    TEST_EQ(0, memcmp(base, board_hello()->mac, 6));
    TEST_EQ(ESP_OK, esp_read_mac(eth, ESP_MAC_ETH));
    TEST_EQ((uint8_t)(base[5] + 3), eth[5]);
    TEST_EQ(0, memcmp(base, eth, 5));
    TEST_EQ(ESP_ERR_INVALID_ARG, esp_efuse_mac_get_default(NULL));
}

static esp_err_t early(esp_err_t err, bool condition)
{
    esp_err_t ret = ESP_OK;
    ESP_RETURN_ON_ERROR(err, "early", "returns %d", 1);
    ESP_GOTO_ON_FALSE(condition, ESP_ERR_NOT_FOUND, out, "early", "goes out");
    ret = ESP_ERR_NOT_FINISHED;
out:
    return ret;
}

static void checks_return_early(void)
{
    TEST_EQ(ESP_ERR_NO_MEM, early(ESP_ERR_NO_MEM, true));
    TEST_EQ(ESP_ERR_NOT_FOUND, early(ESP_OK, false));
    TEST_EQ(ESP_ERR_NOT_FINISHED, early(ESP_OK, true));
    TEST_EQ(ESP_FAIL, ESP_ERROR_CHECK_WITHOUT_ABORT(ESP_FAIL));
    TEST_STR_EQ("v5.4.2", esp_get_idf_version());
    TEST_TRUE(ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 4, 0) && ESP_IDF_VERSION < ESP_IDF_VERSION_VAL(5, 5, 0));
}

static int shutdowns;

static void first(void)
{
    TEST_EQ(1, shutdowns++);
}

static void second(void)
{
    TEST_EQ(0, shutdowns++);
}

void app_main(void)
{
    if (esp_reset_reason() == ESP_RST_SW) {
        TEST_END();
    }
    TEST_EQ(ESP_RST_POWERON, esp_reset_reason());
    TEST_RUN(errors_have_names);
    TEST_RUN(crcs_are_the_roms);
    TEST_RUN(random_numbers_differ);
    TEST_RUN(mac_addresses_are_counted_up);
    TEST_RUN(checks_return_early);
    TEST_EQ(ESP_OK, esp_register_shutdown_handler(first));
    TEST_EQ(ESP_ERR_INVALID_STATE, esp_register_shutdown_handler(first));
    TEST_EQ(ESP_OK, esp_register_shutdown_handler(second));
    TEST_EQ(ESP_ERR_INVALID_STATE, esp_unregister_shutdown_handler((shutdown_handler_t)app_main));
    printf("- a restart\n");
    esp_restart();
}
