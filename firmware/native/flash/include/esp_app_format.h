/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The app image as it lies in flash: esptool's format, field by field.
 */
#pragma once

#include <stdint.h>

#define ESP_IMAGE_HEADER_MAGIC 0xE9
#define ESP_IMAGE_MAX_SEGMENTS 16

typedef uint16_t esp_chip_id_t;

typedef struct {
    uint8_t magic; /* ESP_IMAGE_HEADER_MAGIC */
    uint8_t segment_count;
    uint8_t spi_mode;
    uint8_t spi_speed : 4;
    uint8_t spi_size : 4;
    uint32_t entry_addr;
    uint8_t wp_pin;
    uint8_t spi_pin_drv[3];
    esp_chip_id_t chip_id;
    uint8_t min_chip_rev;
    uint16_t min_chip_rev_full;
    uint16_t max_chip_rev_full;
    uint8_t reserved[4];
    uint8_t hash_appended; /* 1: a SHA-256 follows the checksum */
} __attribute__((packed)) esp_image_header_t;

typedef struct {
    uint32_t load_addr;
    uint32_t data_len; /* bytes, a multiple of 4 */
} esp_image_segment_header_t;

_Static_assert(sizeof(esp_image_header_t) == 24, "image header is 24 bytes");
