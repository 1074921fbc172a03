/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the running program says of itself. Compiled into each image anew, with PROJECT_VER and PROJECT_NAME of that
 * image. Date and time stay empty, as with CONFIG_APP_REPRODUCIBLE_BUILD.
 */
#include "esp_app_desc.h"

#include "esp_idf_version.h"

#if !defined(PROJECT_VER) || !defined(PROJECT_NAME)
#error "PROJECT_VER and PROJECT_NAME are given by the build of the image"
#endif

#define TEXT_OF(x) #x
#define TEXT(x)    TEXT_OF(x)

static const esp_app_desc_t description = {
    .magic_word = ESP_APP_DESC_MAGIC_WORD,
    .version = PROJECT_VER,
    .project_name = PROJECT_NAME,
    .idf_ver = "v" TEXT(ESP_IDF_VERSION_MAJOR) "." TEXT(ESP_IDF_VERSION_MINOR) "." TEXT(ESP_IDF_VERSION_PATCH),
};

const esp_app_desc_t *esp_app_get_description(void)
{
    return &description;
}
