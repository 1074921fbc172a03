/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Error codes of the image check, and the format itself.
 */
#pragma once

#include "esp_app_format.h"
#include "esp_err.h"

#define ESP_ERR_IMAGE_BASE       0x2000
#define ESP_ERR_IMAGE_FLASH_FAIL (ESP_ERR_IMAGE_BASE + 1)
#define ESP_ERR_IMAGE_INVALID    (ESP_ERR_IMAGE_BASE + 2)
