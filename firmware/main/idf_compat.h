/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Where ESP-IDF's names differ between the versions this app builds for. Nothing else may ask for the version.
 */
#pragma once

#include "esp_idf_version.h"

#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 0, 0)
#include "esp_app_desc.h"
#include "esp_mac.h"
#else
#include "esp_ota_ops.h"
#include "esp_system.h"
#define esp_app_get_description esp_ota_get_app_description
#endif

/* Read timed out, and the connection is still there: told apart from its end since 5.1. */
#if ESP_IDF_VERSION < ESP_IDF_VERSION_VAL(5, 1, 0)
#define HTTP_READ_TIMED_OUT(read) ((read) == 0 || (read) == -1)
#else
#define HTTP_READ_TIMED_OUT(read) ((read) == -ESP_ERR_HTTP_EAGAIN)
#endif

/* A request can outlive its handler since 5.2. */
#define HTTPD_HAS_ASYNC (ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 2, 0))

/* esp-mqtt's configuration is made of nested structs since 5.0. */
#define MQTT_CONFIG_IS_NESTED (ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 0, 0))

/* PHY drivers for single chips left ESP-IDF with 6.0; the generic one does for OpenETH. */
#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(6, 0, 0)
#define openeth_phy_new esp_eth_phy_new_generic
#else
#define openeth_phy_new esp_eth_phy_new_dp83848
#endif

/* esp_https_server: the server's certificate had the name of the authority's, and the stop told nothing, before 5.0. */
#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 0, 0)
#define HTTPD_SSL_SERVER_CERT       servercert
#define HTTPD_SSL_SERVER_CERT_LEN   servercert_len
#define HTTPD_SSL_STOP_RETURNS_VOID 0
#else
#define HTTPD_SSL_SERVER_CERT       cacert_pem
#define HTTPD_SSL_SERVER_CERT_LEN   cacert_len
#define HTTPD_SSL_STOP_RETURNS_VOID 1
#endif
