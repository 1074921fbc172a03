/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Which slot boots, and what became of it: otadata as the program sees and changes it. The boot loader's half is
 * boot_select.c.
 */
#include <stdlib.h>

#include "esp_image_check.h"
#include "esp_ota_internal.h"
#include "esp_ota_ops.h"
#include "flash.h"
#include "flash_port.h"
#include "otadata.h"

static const esp_partition_t *read_otadata(esp_ota_select_entry_t two[2])
{
    const esp_partition_t *p = esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_OTA, NULL);

    if (!p) {
        ota_log('E', "not found otadata");
        return NULL;
    }
    return otadata_read(p->address, two) == ESP_OK ? p : NULL;
}

static const esp_partition_t *slot_partition(uint32_t slot)
{
    return esp_partition_find_first(ESP_PARTITION_TYPE_APP,
                                    (esp_partition_subtype_t)(ESP_PARTITION_SUBTYPE_APP_OTA_MIN + slot), NULL);
}

uint8_t esp_ota_get_app_partition_count(void)
{
    uint8_t count = 0;

    while (count < 16 && slot_partition(count)) {
        count++;
    }
    return count;
}

static bool lies_in(uint32_t offset, const esp_partition_t *p)
{
    return p && p->address <= offset && offset - p->address < p->size;
}

/* Searches without an iterator: it must not fail when the heap is used up. */
const esp_partition_t *esp_ota_get_running_partition(void)
{
    static const esp_partition_subtype_t OTHERS[] = {ESP_PARTITION_SUBTYPE_APP_FACTORY, ESP_PARTITION_SUBTYPE_APP_TEST};
    uint32_t offset = flash_port_running_offset();

    if (offset == 0) {
        return NULL; /* run by --program, from no slot at all */
    }
    for (uint32_t slot = 0; slot < 16; slot++) {
        if (lies_in(offset, slot_partition(slot))) {
            return slot_partition(slot);
        }
    }
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++) {
        const esp_partition_t *p = esp_partition_find_first(ESP_PARTITION_TYPE_APP, OTHERS[i], NULL);
        if (lies_in(offset, p)) {
            return p;
        }
    }
    abort(); /* as ESP-IDF: it runs from a place the table does not know */
}

const esp_partition_t *esp_ota_get_next_update_partition(const esp_partition_t *start_from)
{
    const esp_partition_t *first = NULL;
    bool next_one = false;

    start_from = start_from ? esp_partition_verify(start_from) : esp_ota_get_running_partition();
    for (uint32_t slot = 0; slot < 16; slot++) {
        const esp_partition_t *p = slot_partition(slot);
        if (!p) {
            continue;
        }
        if (next_one) {
            return p;
        }
        first = first ? first : p;
        next_one = p == start_from;
    }
    return first;
}

/* What the boot loader takes when otadata says nothing. */
static const esp_partition_t *default_partition(void)
{
    const esp_partition_t *p =
        esp_partition_find_first(ESP_PARTITION_TYPE_APP, ESP_PARTITION_SUBTYPE_APP_FACTORY, NULL);

    for (uint32_t slot = 0; !p && slot < 16; slot++) {
        p = slot_partition(slot);
    }
    if (!p) {
        p = esp_partition_find_first(ESP_PARTITION_TYPE_APP, ESP_PARTITION_SUBTYPE_APP_TEST, NULL);
    }
    if (!p) {
        ota_log('E', "invalid partition table, no app partitions");
    }
    return p;
}

const esp_partition_t *esp_ota_get_boot_partition(void)
{
    esp_ota_select_entry_t two[2];
    uint32_t slots = esp_ota_get_app_partition_count();

    if (!read_otadata(two)) {
        return NULL;
    }
    if ((otadata_invalid(&two[0]) && otadata_invalid(&two[1])) || slots == 0) {
        return default_partition();
    }
    int active = otadata_active(two);
    if (active < 0) {
        ota_log('E', "ota data invalid, no current app. Assuming factory");
        return default_partition();
    }
    return slot_partition((two[active].ota_seq - 1) % slots);
}

static esp_err_t select_slot(uint32_t slot)
{
    esp_ota_select_entry_t two[2];
    const esp_partition_t *p = read_otadata(two);
    uint32_t slots = esp_ota_get_app_partition_count();

    if (!p) {
        return ESP_ERR_NOT_FOUND;
    }
    if (slot >= slots) {
        return ESP_ERR_INVALID_ARG;
    }
    int active = otadata_active(two);
    int other = active == 0 ? 1 : 0;
    uint32_t seq = slot + 1;
    if (active >= 0) {
        /* The smallest number that is not below the active one and that stands for the slot; the very same one when
           the slot is active already. */
        uint32_t floor = two[active].ota_seq;
        seq = (slot + 1) % slots;
        if (seq < floor) {
            seq += (floor - seq + slots - 1) / slots * slots;
        }
    }
    two[other].ota_seq = seq;
    two[other].ota_state = ESP_OTA_IMG_NEW;
    two[other].crc = otadata_crc(&two[other]);
    return otadata_write(p->address, other, &two[other]);
}

esp_err_t esp_ota_set_boot_partition(const esp_partition_t *partition)
{
    if (!partition) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!ota_image_sound(partition, false)) {
        return ESP_ERR_OTA_VALIDATE_FAILED;
    }
    if (partition->type != ESP_PARTITION_TYPE_APP) {
        return ESP_ERR_INVALID_ARG;
    }
    if (partition->subtype == ESP_PARTITION_SUBTYPE_APP_FACTORY) {
        const esp_partition_t *otadata =
            esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_OTA, NULL);
        return otadata ? esp_partition_erase_range(otadata, 0, otadata->size) : ESP_ERR_NOT_FOUND;
    }
    return select_slot(partition->subtype & 0x0f);
}

esp_err_t esp_ota_get_partition_description(const esp_partition_t *partition, esp_app_desc_t *app_desc)
{
    if (!partition || !app_desc) {
        return ESP_ERR_INVALID_ARG;
    }
    if (partition->type != ESP_PARTITION_TYPE_APP) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    size_t at = sizeof(esp_image_header_t) + sizeof(esp_image_segment_header_t);
    esp_err_t err = esp_partition_read(partition, at, app_desc, sizeof *app_desc);
    if (err == ESP_OK && app_desc->magic_word != ESP_APP_DESC_MAGIC_WORD) {
        return ESP_ERR_NOT_FOUND;
    }
    return err;
}

bool esp_ota_check_rollback_is_possible(void)
{
    esp_ota_select_entry_t two[2];
    uint32_t slots = esp_ota_get_app_partition_count();

    if (!read_otadata(two) || slots == 0) {
        return false;
    }
    int active = otadata_active(two);
    if (active < 0) {
        return false;
    }
    const esp_ota_select_entry_t *other = &two[active ^ 1];
    const esp_partition_t *p = otadata_valid(other) ? slot_partition((other->ota_seq - 1) % slots)
                                                    : esp_partition_find_first(ESP_PARTITION_TYPE_APP,
                                                                               ESP_PARTITION_SUBTYPE_APP_FACTORY, NULL);
    return p && ota_image_sound(p, true);
}

static esp_err_t set_active_state(esp_ota_img_states_t state)
{
    esp_ota_select_entry_t two[2];
    const esp_partition_t *p = read_otadata(two);

    if (!p) {
        return ESP_ERR_NOT_FOUND;
    }
    int active = otadata_active(two);
    if (active < 0 || esp_ota_get_app_partition_count() == 0) {
        ota_log('E', "Running firmware is factory");
        return ESP_FAIL;
    }
    if (two[active].ota_state == (uint32_t)state) {
        return ESP_OK;
    }
    two[active].ota_state = state;
    return otadata_write(p->address, active, &two[active]);
}

esp_err_t esp_ota_mark_app_valid_cancel_rollback(void)
{
    return set_active_state(ESP_OTA_IMG_VALID);
}

esp_err_t esp_ota_mark_app_invalid_rollback(void)
{
    if (!esp_ota_check_rollback_is_possible()) {
        ota_log('E', "Rollback is not possible, do not have any suitable apps in slots");
        return ESP_ERR_OTA_ROLLBACK_FAILED;
    }
    esp_err_t err = set_active_state(ESP_OTA_IMG_INVALID);
    if (err == ESP_OK) {
        ota_log('I', "Rollback to previously worked partition.");
    }
    return err;
}

esp_err_t esp_ota_mark_app_invalid_rollback_and_reboot(void)
{
    esp_err_t err = esp_ota_mark_app_invalid_rollback();

    if (err == ESP_OK) {
        flash_port_restart();
    }
    return err;
}

const esp_partition_t *esp_ota_get_last_invalid_partition(void)
{
    esp_ota_select_entry_t two[2];
    uint32_t slots = esp_ota_get_app_partition_count();
    bool found_bad[2];

    if (!read_otadata(two) || slots == 0) {
        return NULL;
    }
    for (int i = 0; i < 2; i++) {
        found_bad[i] = two[i].ota_seq != UINT32_MAX && otadata_invalid(&two[i]) && two[i].crc == otadata_crc(&two[i]);
    }
    int bad = otadata_select(two, found_bad, false);
    const esp_partition_t *p = bad < 0 ? NULL : slot_partition((two[bad].ota_seq - 1) % slots);
    return p && ota_image_sound(p, true) ? p : NULL;
}

esp_err_t esp_ota_get_state_partition(const esp_partition_t *partition, esp_ota_img_states_t *ota_state)
{
    esp_ota_select_entry_t two[2];
    uint32_t slots = esp_ota_get_app_partition_count();

    if (!partition || !ota_state) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!ota_is_slot(partition)) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    if (!read_otadata(two) || slots == 0) {
        return ESP_ERR_NOT_FOUND;
    }
    for (int i = 0; i < 2; i++) {
        if ((two[i].ota_seq - 1) % slots == (partition->subtype & 0x0fu) && two[i].crc == otadata_crc(&two[i])) {
            *ota_state = (esp_ota_img_states_t)two[i].ota_state;
            return ESP_OK;
        }
    }
    return ESP_ERR_NOT_FOUND;
}

/* The entry that is not active, if it stands for a slot that does not run. */
static esp_err_t forget_other_slot(bool erase_app)
{
    esp_ota_select_entry_t two[2];
    const esp_partition_t *p = read_otadata(two);
    uint32_t slots = esp_ota_get_app_partition_count();
    const esp_partition_t *running = esp_ota_get_running_partition();

    if (!p || slots == 0 || !running) {
        return ESP_FAIL;
    }
    int active = otadata_active(two);
    if (active < 0) {
        return ESP_FAIL;
    }
    int other = active ^ 1;
    if (two[other].ota_seq == UINT32_MAX || two[other].crc != otadata_crc(&two[other])) {
        return ESP_FAIL;
    }
    const esp_partition_t *slot = slot_partition((two[other].ota_seq - 1) % slots);
    if (!slot || slot == running) {
        return ESP_FAIL;
    }
    if (erase_app) {
        esp_err_t err = esp_partition_erase_range(slot, 0, slot->size);
        if (err != ESP_OK) {
            return err;
        }
    }
    return esp_partition_erase_range(p, (size_t)other * FLASH_SECTOR, FLASH_SECTOR);
}

esp_err_t esp_ota_erase_last_boot_app_partition(void)
{
    return forget_other_slot(true);
}

esp_err_t esp_ota_invalidate_inactive_ota_data_slot(void)
{
    return forget_other_slot(false);
}
