/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * otadata with anything in it, both slots with sound images: the boot loader must find one each time, the app's calls
 * must cope, and in the end an update must be possible. The first byte says which entries get a right checksum, the
 * next ones what is called.
 */
#include "fuzz.h"

#include "boot_select.h"
#include "esp_ota_ops.h"
#include "otadata.h"

#include "flash_stand_in.h"

#define CALLS 6

static void boot(void)
{
    static struct boot_choice choice;

    HOLDS(boot_select(&choice) == ESP_OK && choice.ok);
    HOLDS(choice.offset == FUZZ_OTA_0 || choice.offset == FUZZ_OTA_1);
    HOLDS(choice.log_lines <= BOOT_LOG_LINES);
    fuzz_running_offset = choice.offset;
}

static void call(uint8_t which)
{
    const esp_partition_t *running = esp_ota_get_running_partition(), *next = esp_ota_get_next_update_partition(NULL);
    esp_ota_img_states_t state;
    esp_ota_handle_t handle;

    HOLDS(running != NULL && next != NULL && running != next);
    switch (which % 8) {
    case 0:
        boot();
        break;
    case 1:
        esp_ota_mark_app_valid_cancel_rollback();
        break;
    case 2:
        if (esp_ota_mark_app_invalid_rollback_and_reboot() == ESP_OK) {
            boot();
        }
        break;
    case 3:
        HOLDS(esp_ota_set_boot_partition(next) == ESP_OK);
        HOLDS(esp_ota_get_boot_partition() == next);
        break;
    case 4:
        esp_ota_get_last_invalid_partition();
        esp_ota_get_state_partition(next, &state);
        break;
    case 5:
        esp_ota_invalidate_inactive_ota_data_slot();
        break;
    case 6:
        HOLDS(esp_ota_set_boot_partition(running) == ESP_OK);
        break;
    default:
        if (esp_ota_begin(next, OTA_WITH_SEQUENTIAL_WRITES, &handle) == ESP_OK) {
            esp_ota_abort(handle);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    esp_ota_select_entry_t two[2];
    const size_t head = 1 + CALLS;

    if (size < head + sizeof two) {
        return 0;
    }
    fuzz_flash_reset();
    fuzz_flash_put_image(FUZZ_OTA_0);
    fuzz_flash_put_image(FUZZ_OTA_1);
    memcpy(two, data + head, sizeof two);
    for (int i = 0; i < 2; i++) {
        if (two[i].ota_seq != UINT32_MAX) {
            two[i].ota_seq &= INT32_MAX; /* counts updates; near its end it would wrap around, here as in ESP-IDF */
        }
        if (data[0] & (1 << i)) {
            two[i].crc = otadata_crc(&two[i]);
        }
        memcpy(fuzz_flash + FUZZ_OTADATA + (uint32_t)i * FLASH_SECTOR, &two[i], sizeof two[i]);
    }
    boot();
    for (size_t i = 0; i < CALLS; i++) {
        call(data[1 + i]);
    }
    boot();
    esp_ota_mark_app_valid_cancel_rollback();
    boot();
    /* As the app does: an image that otadata does not know enters itself; then an update goes through. */
    const esp_partition_t *next = esp_ota_get_next_update_partition(NULL);
    HOLDS(esp_ota_set_boot_partition(next) == ESP_OK);
    HOLDS(esp_ota_get_boot_partition() == next);
    return 0;
}
