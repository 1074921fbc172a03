/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Between the two files of esp_ota_ops.h: esp_ota_write.c (an image into a slot) and esp_ota_select.c (which slot
 * boots).
 */
#pragma once

#include <stdbool.h>

#include "esp_partition.h"

/** A line with the tag esp_ota_ops. */
void ota_log(char level, const char *format, ...) __attribute__((format(printf, 2, 3)));

bool ota_is_slot(const esp_partition_t *partition);

/** Verifies the image on a partition; the reasons of a failure are logged unless @p silent. */
bool ota_image_sound(const esp_partition_t *partition, bool silent);
