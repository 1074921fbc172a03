/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Partition table and otadata as they lie in flash.
 */
#pragma once

#include <stdint.h>

#include "esp_err.h"

#define ESP_PARTITION_TABLE_OFFSET  0x8000u
#define ESP_PARTITION_TABLE_MAX_LEN 0xC00u /* bytes; the rest of the sector is for a signature */
#define ESP_PARTITION_MAGIC         0x50AA
#define ESP_PARTITION_MAGIC_MD5     0xEBEB
#define ESP_PARTITION_MD5_OFFSET    16

#define PART_FLAG_ENCRYPTED (1u << 0)
#define PART_FLAG_READONLY  (1u << 1)

typedef enum {
    ESP_OTA_IMG_NEW = 0x0U,            /* boot loader makes it PENDING_VERIFY */
    ESP_OTA_IMG_PENDING_VERIFY = 0x1U, /* its first run; a boot in this state makes it ABORTED */
    ESP_OTA_IMG_VALID = 0x2U,
    ESP_OTA_IMG_INVALID = 0x3U,
    ESP_OTA_IMG_ABORTED = 0x4U,
    ESP_OTA_IMG_UNDEFINED = 0xFFFFFFFFU,
} esp_ota_img_states_t;

/** One of two, each at the start of a sector of the otadata partition. */
typedef struct {
    uint32_t ota_seq; /* slot = (ota_seq - 1) % slots; the larger one is active */
    uint8_t seq_label[20];
    uint32_t ota_state; /* esp_ota_img_states_t */
    uint32_t crc;       /* over ota_seq alone */
} esp_ota_select_entry_t;

typedef struct {
    uint32_t offset;
    uint32_t size;
} esp_partition_pos_t;

typedef struct {
    uint16_t magic;
    uint8_t type;
    uint8_t subtype;
    esp_partition_pos_t pos;
    uint8_t label[16]; /* not terminated when all 16 are used */
    uint32_t flags;
} esp_partition_info_t;

#define ESP_PARTITION_TABLE_MAX_ENTRIES (ESP_PARTITION_TABLE_MAX_LEN / sizeof(esp_partition_info_t))

_Static_assert(sizeof(esp_ota_select_entry_t) == 32, "an otadata entry is 32 bytes");
_Static_assert(sizeof(esp_partition_info_t) == 32, "a partition table entry is 32 bytes");
