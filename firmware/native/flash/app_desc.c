/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the running program says of itself. Compiled into each image anew, with PROJECT_VER and PROJECT_NAME of that
 * image. Date and time stay empty, as with CONFIG_APP_REPRODUCIBLE_BUILD.
 */
#include "esp_app_desc.h"

#include "esp_app_format.h"
#include "esp_idf_version.h"
#include "flash.h"
#include "flash_port.h"

#if !defined(PROJECT_VER) || !defined(PROJECT_NAME)
#error "PROJECT_VER and PROJECT_NAME are given by the build of the image"
#endif

static const esp_app_desc_t description = {
    .magic_word = ESP_APP_DESC_MAGIC_WORD,
    .version = PROJECT_VER,
    .project_name = PROJECT_NAME,
    .idf_ver = NATIVE_IDF_NAME,
};

const esp_app_desc_t *esp_app_get_description(void)
{
    return &description;
}

/*
 * A program cannot hold its own digest, so it is read from the descriptor in its slot. Takes no lock and no memory: the
 * panic handler prints it, and finds it because this file is part of the image and not of a library.
 */
int esp_app_get_elf_sha256(char *dst, size_t size)
{
    static const char hex[] = "0123456789abcdef";
    esp_app_desc_t desc = {0};
    uint32_t at = flash_port_running_offset();
    size_t digits = 2 * sizeof desc.app_elf_sha256;

    if (!dst || size == 0) {
        return 0;
    }
    if (at == 0 ||
        flash_read(at + sizeof(esp_image_header_t) + sizeof(esp_image_segment_header_t), &desc, sizeof desc) !=
            ESP_OK ||
        desc.magic_word != ESP_APP_DESC_MAGIC_WORD) {
        desc = (esp_app_desc_t){0}; /* not from flash: all zero */
    }
    if (digits > size - 1) {
        digits = size - 1;
    }
    for (size_t i = 0; i < digits; i++) {
        uint8_t byte = desc.app_elf_sha256[i / 2];
        dst[i] = hex[i % 2 == 0 ? byte >> 4 : byte & 0xf];
    }
    dst[digits] = '\0';
    return (int)digits + 1;
}
