/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The settings that the footprint is measured with: ESP-IDF's defaults.
 */
#pragma once

#define CONFIG_FREERTOS_HZ           100
#define CONFIG_HTTPD_MAX_URI_LEN     512
#define CONFIG_HTTPD_MAX_REQ_HDR_LEN 1024
