/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * An app image in its slot: the check that boot loader and update make, and the way to the program in it. The first
 * byte says whether the checksum and the digest are set right at the end of the given bytes.
 */
#include "fuzz.h"

#include "digest.h"
#include "esp_image_check.h"
#include "esp_image_format.h"
#include "esp_ota_ops.h"

#include "flash_port.h"
#include "flash_stand_in.h"

static size_t seal(uint8_t *image, size_t len)
{
    uint8_t checksum = 0xEF;
    struct sha256 sha;
    size_t at = sizeof(esp_image_header_t);

    for (int i = 0; i < image[1] && at + sizeof(esp_image_segment_header_t) < len; i++) {
        esp_image_segment_header_t segment;
        memcpy(&segment, image + at, sizeof segment);
        at += sizeof segment;
        for (uint32_t left = segment.data_len; left > 0 && at < len; left--) {
            checksum ^= image[at++];
        }
    }
    at += 15 - at % 16;
    if (at + 1 + 32 > FUZZ_OTA_BYTES) {
        return len;
    }
    image[at++] = checksum;
    sha256_start(&sha);
    sha256_add(&sha, image, at);
    sha256_end(&sha, image + at);
    return at + 32;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image_info info = {0};
    uint32_t elf_addr, elf_size;
    esp_app_desc_t desc;
    uint8_t digest[32];

    if (size < 2 || size - 1 > FUZZ_OTA_BYTES) {
        return 0;
    }
    fuzz_flash_reset();
    memcpy(fuzz_flash + FUZZ_OTA_1, data + 1, size - 1);
    if (data[0] & 1) {
        seal(fuzz_flash + FUZZ_OTA_1, size - 1);
    }
    const bool sound = esp_image_check(FUZZ_OTA_1, FUZZ_OTA_BYTES, flash_port_log, NULL, &info) == ESP_OK;
    HOLDS(!sound || (info.length <= FUZZ_OTA_BYTES &&
                     (info.elf_size == 0 ||
                      (info.elf_addr >= FUZZ_OTA_1 && info.elf_addr + info.elf_size <= FUZZ_OTA_1 + FUZZ_OTA_BYTES))));
    if (esp_image_elf(FUZZ_OTA_1, &elf_addr, &elf_size) == ESP_OK && sound) {
        HOLDS(elf_addr + elf_size <= FUZZ_OTA_1 + FUZZ_OTA_BYTES);
    }
    const esp_partition_t *slot =
        esp_partition_find_first(ESP_PARTITION_TYPE_APP, ESP_PARTITION_SUBTYPE_APP_OTA_1, NULL);
    HOLDS(slot != NULL);
    esp_ota_get_partition_description(slot, &desc);
    HOLDS((esp_partition_get_sha256(slot, digest) == ESP_OK) == sound);
    HOLDS((esp_ota_set_boot_partition(slot) == ESP_OK) == sound);
    return 0;
}
