/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * An image without an appended digest is protected by one checksum byte alone, and one bit of its header decides
 * whether it has one: so the digest must be there. The secure version may not go back, also on a chip whose boot loader
 * is not told to enforce it.
 */
#include "image_check.h"

#include <string.h>

#include "esp_app_format.h"
#include "esp_log.h"
#include "esp_ota_ops.h"

#include "idf_compat.h"

static const char TAG[] = "image_check";

const char *image_check(const esp_partition_t *slot, const trigger_t *trigger)
{
    esp_image_header_t header;
    esp_app_desc_t its;
    esp_app_desc_t ours;
    if (esp_partition_read(slot, 0, &header, sizeof(header)) != ESP_OK ||
        esp_ota_get_partition_description(slot, &its) != ESP_OK ||
        esp_ota_get_partition_description(esp_ota_get_running_partition(), &ours) != ESP_OK) {
        return "image";
    }
    if (header.hash_appended != 1) {
        return "no_digest";
    }
    if (strncmp(its.project_name, ours.project_name, sizeof(its.project_name)) != 0) {
        ESP_LOGE(TAG, "project %.32s, running is %.32s", its.project_name, ours.project_name);
        return "project";
    }
    if (strncmp(its.version, trigger->version, sizeof(its.version)) != 0) {
        ESP_LOGE(TAG, "version %.32s, announced was %s", its.version, trigger->version);
        return "version";
    }
    if (its.secure_version < ours.secure_version) {
        ESP_LOGE(TAG, "secure version %lu, running is %lu", (unsigned long)its.secure_version,
                 (unsigned long)ours.secure_version);
        return "secure_version";
    }
    return NULL;
}
