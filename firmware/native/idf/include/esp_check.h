/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Early-return macros: check, log with function and line, then return or go to a label.
 */
#pragma once

#include "esp_err.h"
#include "esp_log.h"
#include "esp_compiler.h"

#define ESP_RETURN_ON_ERROR(x, log_tag, format, ...)                                     \
    do {                                                                                 \
        esp_err_t err_rc_ = (x);                                                         \
        if (unlikely(err_rc_ != ESP_OK)) {                                               \
            ESP_LOGE(log_tag, "%s(%d): " format, __FUNCTION__, __LINE__, ##__VA_ARGS__); \
            return err_rc_;                                                              \
        }                                                                                \
    } while (0)

#define ESP_RETURN_ON_FALSE(condition, err_code, log_tag, format, ...)                   \
    do {                                                                                 \
        if (unlikely(!(condition))) {                                                    \
            ESP_LOGE(log_tag, "%s(%d): " format, __FUNCTION__, __LINE__, ##__VA_ARGS__); \
            return err_code;                                                             \
        }                                                                                \
    } while (0)

#define ESP_RETURN_VOID_ON_ERROR(x, log_tag, format, ...)                                \
    do {                                                                                 \
        esp_err_t err_rc_ = (x);                                                         \
        if (unlikely(err_rc_ != ESP_OK)) {                                               \
            ESP_LOGE(log_tag, "%s(%d): " format, __FUNCTION__, __LINE__, ##__VA_ARGS__); \
            return;                                                                      \
        }                                                                                \
    } while (0)

#define ESP_RETURN_VOID_ON_FALSE(condition, log_tag, format, ...)                        \
    do {                                                                                 \
        if (unlikely(!(condition))) {                                                    \
            ESP_LOGE(log_tag, "%s(%d): " format, __FUNCTION__, __LINE__, ##__VA_ARGS__); \
            return;                                                                      \
        }                                                                                \
    } while (0)

/* These two set the local variable `ret`. */
#define ESP_GOTO_ON_ERROR(x, goto_tag, log_tag, format, ...)                             \
    do {                                                                                 \
        esp_err_t err_rc_ = (x);                                                         \
        if (unlikely(err_rc_ != ESP_OK)) {                                               \
            ESP_LOGE(log_tag, "%s(%d): " format, __FUNCTION__, __LINE__, ##__VA_ARGS__); \
            ret = err_rc_;                                                               \
            goto goto_tag;                                                               \
        }                                                                                \
    } while (0)

#define ESP_GOTO_ON_FALSE(condition, err_code, goto_tag, log_tag, format, ...)           \
    do {                                                                                 \
        if (unlikely(!(condition))) {                                                    \
            ESP_LOGE(log_tag, "%s(%d): " format, __FUNCTION__, __LINE__, ##__VA_ARGS__); \
            ret = err_code;                                                              \
            goto goto_tag;                                                               \
        }                                                                                \
    } while (0)
