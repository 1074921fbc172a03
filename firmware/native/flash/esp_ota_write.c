/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A new image written into a slot that is not running, and verified at the end.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "esp_app_format.h"
#include "esp_image_check.h"
#include "esp_ota_internal.h"
#include "esp_ota_ops.h"
#include "flash.h"
#include "flash_port.h"

/* As in ESP-IDF, nothing guards this list: one task updates. */
struct update {
    esp_ota_handle_t handle;
    const esp_partition_t *partition;
    bool erase_on_write;
    uint32_t written; /* bytes */
    struct update *next;
};

static struct update *updates;
static esp_ota_handle_t last_handle;

void ota_log(char level, const char *format, ...)
{
    char text[160];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    flash_port_log(NULL, level, "esp_ota_ops", text);
}

bool ota_is_slot(const esp_partition_t *partition)
{
    return partition && partition->type == ESP_PARTITION_TYPE_APP &&
           partition->subtype >= ESP_PARTITION_SUBTYPE_APP_OTA_MIN &&
           partition->subtype < ESP_PARTITION_SUBTYPE_APP_OTA_MAX;
}

bool ota_image_sound(const esp_partition_t *partition, bool silent)
{
    return esp_image_check(partition->address, partition->size, silent ? NULL : flash_port_log, NULL, NULL) == ESP_OK;
}

static struct update **find(esp_ota_handle_t handle)
{
    struct update **u = &updates;

    while (*u && (*u)->handle != handle) {
        u = &(*u)->next;
    }
    return u;
}

static void forget(struct update **u)
{
    struct update *gone = *u;

    *u = gone->next;
    free(gone);
}

/* Until the running app has said that it works, the other slot is what it would fall back to. */
static esp_err_t check_target(const esp_partition_t *partition)
{
    const esp_partition_t *running = esp_ota_get_running_partition();
    esp_ota_img_states_t state;

    if (!ota_is_slot(partition)) {
        return ESP_ERR_INVALID_ARG;
    }
    if (partition == running) {
        return ESP_ERR_OTA_PARTITION_CONFLICT;
    }
    if (running && esp_ota_get_state_partition(running, &state) == ESP_OK && state == ESP_OTA_IMG_PENDING_VERIFY) {
        ota_log('E', "Running app has not confirmed state (ESP_OTA_IMG_PENDING_VERIFY)");
        return ESP_ERR_OTA_ROLLBACK_INVALID_STATE;
    }
    return ESP_OK;
}

esp_err_t esp_ota_begin(const esp_partition_t *partition, size_t image_size, esp_ota_handle_t *out_handle)
{
    if (!partition || !out_handle) {
        return ESP_ERR_INVALID_ARG;
    }
    partition = esp_partition_verify(partition);
    if (!partition) {
        return ESP_ERR_NOT_FOUND;
    }
    esp_err_t err = check_target(partition);
    if (err != ESP_OK) {
        return err;
    }
    struct update *u = calloc(1, sizeof *u);
    if (!u) {
        return ESP_ERR_NO_MEM;
    }
    *u = (struct update){.handle = ++last_handle,
                         .partition = partition,
                         .erase_on_write = image_size == OTA_WITH_SEQUENTIAL_WRITES,
                         .next = updates};
    updates = u;
    *out_handle = u->handle;

    if (!u->erase_on_write) {
        size_t size = partition->size;
        if (image_size != 0 && image_size != OTA_SIZE_UNKNOWN) {
            size = (image_size + FLASH_SECTOR - 1) / FLASH_SECTOR * FLASH_SECTOR;
        }
        err = esp_partition_erase_range(partition, 0, size);
        if (err != ESP_OK) {
            return err; /* the handle stays, as in ESP-IDF: esp_ota_abort() frees it */
        }
    }
    esp_ota_invalidate_inactive_ota_data_slot(); /* what the slot held can no longer be booted */
    return ESP_OK;
}

/* Erases the sectors that the next size bytes are the first to touch. */
static esp_err_t erase_ahead(const struct update *u, size_t size)
{
    uint32_t clean = (u->written + FLASH_SECTOR - 1) / FLASH_SECTOR * FLASH_SECTOR;
    uint32_t end = (u->written + (uint32_t)size + FLASH_SECTOR - 1) / FLASH_SECTOR * FLASH_SECTOR;

    return end > clean ? esp_partition_erase_range(u->partition, clean, end - clean) : ESP_OK;
}

esp_err_t esp_ota_write(esp_ota_handle_t handle, const void *data, size_t size)
{
    struct update *u = *find(handle);
    esp_err_t err = ESP_OK;

    if (!data) {
        ota_log('E', "write data is invalid");
        return ESP_ERR_INVALID_ARG;
    }
    if (size == 0) {
        return ESP_OK;
    }
    if (!u) {
        ota_log('E', "not found the handle");
        return ESP_ERR_INVALID_ARG;
    }
    if (size > u->partition->size - u->written) {
        return ESP_ERR_INVALID_SIZE;
    }
    if (u->erase_on_write) {
        err = erase_ahead(u, size);
    }
    if (err == ESP_OK && u->written == 0 && *(const uint8_t *)data != ESP_IMAGE_HEADER_MAGIC) {
        ota_log('E', "OTA image has invalid magic byte (expected 0xE9, saw 0x%02x)", *(const uint8_t *)data);
        return ESP_ERR_OTA_VALIDATE_FAILED;
    }
    if (err == ESP_OK) {
        err = esp_partition_write(u->partition, u->written, data, size);
    }
    if (err == ESP_OK) {
        u->written += (uint32_t)size;
    }
    return err;
}

esp_err_t esp_ota_write_with_offset(esp_ota_handle_t handle, const void *data, size_t size, uint32_t offset)
{
    struct update *u = *find(handle);

    if (!data) {
        ota_log('E', "write data is invalid");
        return ESP_ERR_INVALID_ARG;
    }
    if (!u) {
        ota_log('E', "OTA handle not found");
        return ESP_ERR_INVALID_ARG;
    }
    assert(!u->erase_on_write && "must erase the partition before writing to it");
    esp_err_t err = esp_partition_write(u->partition, offset, data, size);
    if (err == ESP_OK) {
        u->written += (uint32_t)size;
    }
    return err;
}

esp_err_t esp_ota_end(esp_ota_handle_t handle)
{
    struct update **u = find(handle);
    esp_err_t err = ESP_OK;

    if (!*u) {
        return ESP_ERR_NOT_FOUND;
    }
    if ((*u)->written == 0) {
        err = ESP_ERR_INVALID_ARG;
    } else if (!ota_image_sound((*u)->partition, false)) {
        ota_log('E', "New image failed verification");
        err = ESP_ERR_OTA_VALIDATE_FAILED;
    }
    forget(u);
    return err;
}

esp_err_t esp_ota_abort(esp_ota_handle_t handle)
{
    struct update **u = find(handle);

    if (!*u) {
        return ESP_ERR_NOT_FOUND;
    }
    forget(u);
    return ESP_OK;
}
