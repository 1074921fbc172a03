/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The version of ESP-IDF whose behaviour this port follows.
 */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

#ifndef ESP_IDF_VERSION_MAJOR /* the build says it where the server is ESP-IDF's own: cmake/esp_idf.cmake */
#define ESP_IDF_VERSION_MAJOR 5
#define ESP_IDF_VERSION_MINOR 4
#define ESP_IDF_VERSION_PATCH 2
#define NATIVE_IDF_NAME       "v5.4.2"
#endif

#define ESP_IDF_VERSION_VAL(major, minor, patch) (((major) << 16) | ((minor) << 8) | (patch))
#define ESP_IDF_VERSION                          ESP_IDF_VERSION_VAL(ESP_IDF_VERSION_MAJOR, ESP_IDF_VERSION_MINOR, ESP_IDF_VERSION_PATCH)

const char *esp_get_idf_version(void);

#ifdef __cplusplus
}
#endif
