/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * An update as an app does it, its refusals, rollback, and a power cut at every flash operation of it.
 */
#include <string.h>

#include "boot_select.h"
#include "esp_image_format.h"
#include "esp_ota_ops.h"
#include "esp_partition.h"
#include "fixture.h"

#define IMAGE_BYTES 6000u

static uint8_t update[IMAGE_BYTES + 1024];
static size_t update_len;

/* What a reset does: the boot loader chooses, and the program starts with nothing remembered. */
static uint32_t reboot(void)
{
    static struct boot_choice choice;

    fixture_clear_log();
    CHECK_EQ(boot_select(&choice), ESP_OK);
    fixture_running_offset = choice.offset;
    return choice.offset;
}

static void fresh_board(void)
{
    memset(fixture_flash + OTADATA_ADDR, 0xFF, 2 * FLASH_SECTOR);
    memset(fixture_flash + OTA_1_ADDR, 0xFF, 16 * FLASH_SECTOR);
    fixture_put_image(OTA_0_ADDR, "1.0.0", IMAGE_BYTES, 1);
    update_len = fixture_image(update, "1.1.0", IMAGE_BYTES, 2);
    CHECK_EQ(reboot(), OTA_0_ADDR);
}

static esp_ota_img_states_t running_state(void)
{
    esp_ota_img_states_t state = ESP_OTA_IMG_UNDEFINED;

    CHECK_EQ(esp_ota_get_state_partition(esp_ota_get_running_partition(), &state), ESP_OK);
    return state;
}

static esp_err_t write_update(size_t begin_size, size_t chunk)
{
    const esp_partition_t *slot = esp_ota_get_next_update_partition(NULL);
    esp_ota_handle_t handle;
    esp_err_t err = esp_ota_begin(slot, begin_size, &handle);

    for (size_t at = 0; err == ESP_OK && at < update_len; at += chunk) {
        err = esp_ota_write(handle, update + at, update_len - at < chunk ? update_len - at : chunk);
    }
    if (err != ESP_OK) {
        esp_ota_abort(handle);
        return err;
    }
    err = esp_ota_end(handle);
    return err == ESP_OK ? esp_ota_set_boot_partition(slot) : err;
}

static void test_update(void)
{
    static const size_t BEGIN[] = {OTA_WITH_SEQUENTIAL_WRITES, OTA_SIZE_UNKNOWN, 0, 7000};
    esp_app_desc_t desc;
    uint8_t digest[32];

    for (size_t i = 0; i < 4; i++) {
        snprintf(fixture_case, sizeof fixture_case, "begin with size 0x%zx", BEGIN[i]);
        fresh_board();
        CHECK_EQ(running_state(), ESP_OTA_IMG_VALID);
        CHECK_EQ(write_update(BEGIN[i], 1 + 1000 * i), ESP_OK);
        CHECK(memcmp(fixture_flash + OTA_1_ADDR, update, update_len) == 0);
        CHECK(esp_ota_get_boot_partition()->address == OTA_1_ADDR);
        CHECK(esp_ota_get_running_partition()->address == OTA_0_ADDR);

        CHECK_EQ(reboot(), OTA_1_ADDR);
        CHECK_EQ(running_state(), ESP_OTA_IMG_PENDING_VERIFY);
        CHECK_EQ(esp_ota_get_partition_description(esp_ota_get_running_partition(), &desc), ESP_OK);
        CHECK(strcmp(desc.version, "1.1.0") == 0);
        CHECK_EQ(esp_partition_get_sha256(esp_ota_get_running_partition(), digest), ESP_OK);
        CHECK(memcmp(digest, update + update_len - 32, 32) == 0);

        CHECK_EQ(write_update(OTA_SIZE_UNKNOWN, 4096), ESP_ERR_OTA_ROLLBACK_INVALID_STATE);
        CHECK(strstr(fixture_log, "Running app has not confirmed state (ESP_OTA_IMG_PENDING_VERIFY)"));

        CHECK_EQ(esp_ota_mark_app_valid_cancel_rollback(), ESP_OK);
        CHECK_EQ(running_state(), ESP_OTA_IMG_VALID);
        CHECK_EQ(reboot(), OTA_1_ADDR);
        CHECK_EQ(running_state(), ESP_OTA_IMG_VALID);
    }
    const esp_partition_t *back = esp_ota_get_next_update_partition(NULL); /* and back again */
    esp_ota_handle_t handle;
    CHECK(back->address == OTA_0_ADDR);
    CHECK_EQ(fixture_flash[OTADATA_ADDR], 1);
    CHECK_EQ(esp_ota_begin(back, OTA_WITH_SEQUENTIAL_WRITES, &handle), ESP_OK);
    CHECK_EQ(fixture_flash[OTADATA_ADDR], 0xFF); /* the slot being written is no longer one to fall back to */
    CHECK_EQ(esp_ota_abort(handle), ESP_OK);
    CHECK_EQ(write_update(OTA_WITH_SEQUENTIAL_WRITES, 1000), ESP_OK);
    CHECK_EQ(reboot(), OTA_0_ADDR);
}

static void test_rollback(void)
{
    fixture_case[0] = '\0';
    fresh_board();
    CHECK(!esp_ota_check_rollback_is_possible());
    CHECK_EQ(esp_ota_mark_app_invalid_rollback_and_reboot(), ESP_ERR_OTA_ROLLBACK_FAILED);
    CHECK_EQ(fixture_restarts, 0);

    CHECK_EQ(write_update(OTA_SIZE_UNKNOWN, 4096), ESP_OK);
    CHECK_EQ(reboot(), OTA_1_ADDR);
    CHECK(esp_ota_check_rollback_is_possible());
    CHECK_EQ(esp_ota_mark_app_invalid_rollback_and_reboot(), ESP_OK);
    CHECK(strstr(fixture_log, "Rollback to previously worked partition."));
    CHECK_EQ(fixture_restarts, 1);
    CHECK_EQ(reboot(), OTA_0_ADDR);
    CHECK(esp_ota_get_last_invalid_partition()->address == OTA_1_ADDR);

    CHECK_EQ(write_update(OTA_SIZE_UNKNOWN, 4096), ESP_OK); /* never says that it works */
    CHECK_EQ(reboot(), OTA_1_ADDR);
    CHECK_EQ(reboot(), OTA_0_ADDR);
    CHECK_EQ(running_state(), ESP_OTA_IMG_VALID);
    CHECK(esp_ota_get_last_invalid_partition()->address == OTA_1_ADDR);
}

static void test_bad_images(void)
{
    const esp_partition_t *slot;
    esp_ota_handle_t handle;
    esp_app_desc_t desc;

    fresh_board();
    slot = esp_ota_get_next_update_partition(NULL);
    update[0] = 0x7F;
    CHECK_EQ(write_update(OTA_SIZE_UNKNOWN, 4096), ESP_ERR_OTA_VALIDATE_FAILED);
    CHECK(strstr(fixture_log, "OTA image has invalid magic byte (expected 0xE9, saw 0x7f)"));

    update_len = fixture_image(update, "1.1.0", IMAGE_BYTES, 2);
    update[3000] ^= 4;
    CHECK_EQ(write_update(OTA_SIZE_UNKNOWN, 4096), ESP_ERR_OTA_VALIDATE_FAILED);
    CHECK(strstr(fixture_log, "Checksum failed. Calculated 0x") &&
          strstr(fixture_log, "New image failed verification"));

    fixture_clear_log();
    update[3001] ^= 4;
    CHECK_EQ(write_update(OTA_WITH_SEQUENTIAL_WRITES, 4096), ESP_ERR_OTA_VALIDATE_FAILED);
    CHECK(strstr(fixture_log, "Image hash failed - image is corrupt"));

    fixture_clear_log();
    fixture_image(update, "1.1.0", IMAGE_BYTES, 2);
    update[12] = 9; /* an ESP32-S3's image */
    update[13] = 0;
    CHECK_EQ(write_update(OTA_SIZE_UNKNOWN, 4096), ESP_ERR_OTA_VALIDATE_FAILED);
    CHECK(strstr(fixture_log, "mismatch chip ID, expected 32767, found 9"));

    fixture_image(update, "1.1.0", IMAGE_BYTES, 2);
    update_len -= 40; /* truncated */
    CHECK_EQ(write_update(OTA_SIZE_UNKNOWN, 4096), ESP_ERR_OTA_VALIDATE_FAILED);
    CHECK_EQ(reboot(), OTA_0_ADDR);

    CHECK_EQ(esp_ota_set_boot_partition(slot), ESP_ERR_OTA_VALIDATE_FAILED);
    CHECK_EQ(esp_ota_begin(esp_ota_get_running_partition(), 0, &handle), ESP_ERR_OTA_PARTITION_CONFLICT);
    CHECK_EQ(esp_ota_begin(slot, OTA_SIZE_UNKNOWN, &handle), ESP_OK);
    CHECK_EQ(esp_ota_end(handle), ESP_ERR_INVALID_ARG); /* nothing written */
    CHECK_EQ(esp_ota_end(handle), ESP_ERR_NOT_FOUND);
    CHECK_EQ(esp_ota_write(handle, update, 1), ESP_ERR_INVALID_ARG);
    CHECK_EQ(esp_ota_abort(handle), ESP_ERR_NOT_FOUND);
    CHECK_EQ(esp_ota_get_partition_description(slot, &desc), ESP_ERR_NOT_FOUND);
}

static void test_partitions(void)
{
    const esp_partition_t *nvs =
        esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_NVS, NULL);
    const esp_partition_t *provisioning =
        esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_NVS, "provisioning");
    char labels[100] = "";
    uint8_t byte;

    CHECK(nvs && nvs->address == NVS_ADDR && nvs->size == NVS_SIZE && strcmp(nvs->label, "nvs") == 0);
    CHECK(provisioning && provisioning->address == 0x10000);
    CHECK(!esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_ANY, "nothing"));
    for (esp_partition_iterator_t it = esp_partition_find(ESP_PARTITION_TYPE_ANY, ESP_PARTITION_SUBTYPE_ANY, NULL); it;
         it = esp_partition_next(it)) {
        strcat(strcat(labels, esp_partition_get(it)->label), " ");
    }
    CHECK(strcmp(labels, "nvs otadata provisioning ota_0 ota_1 coredump ") == 0);
    CHECK_EQ(esp_partition_read(nvs, NVS_SIZE - 1, &byte, 1), ESP_OK);
    CHECK_EQ(esp_partition_read(nvs, NVS_SIZE - 1, &byte, 2), ESP_ERR_INVALID_SIZE);
    CHECK_EQ(esp_partition_read(nvs, NVS_SIZE + 1, &byte, 1), ESP_ERR_INVALID_ARG);
    CHECK_EQ(esp_partition_erase_range(nvs, 0, 100), ESP_ERR_INVALID_SIZE);
    CHECK_EQ(esp_partition_erase_range(nvs, 100, 4096), ESP_ERR_INVALID_ARG);
    CHECK(esp_partition_verify(provisioning) == provisioning);
}

/* From the first erase to the mark "valid", through the boot loader: what the app and the boot loader write. */
static bool whole_update(void)
{
    static struct boot_choice choice;

    if (write_update(OTA_WITH_SEQUENTIAL_WRITES, 1000) != ESP_OK || boot_select(&choice) != ESP_OK) {
        return false;
    }
    fixture_running_offset = choice.offset;
    return esp_ota_mark_app_valid_cancel_rollback() == ESP_OK;
}

static void check_after_cut(void)
{
    uint32_t first = reboot();
    bool is_new = first == OTA_1_ADDR;

    CHECK(first == OTA_0_ADDR || is_new);
    if (is_new) { /* then the image is the update to the last byte */
        CHECK(memcmp(fixture_flash + OTA_1_ADDR, update, update_len) == 0);
    }
    esp_ota_img_states_t state = running_state();
    CHECK(state == ESP_OTA_IMG_VALID || state == ESP_OTA_IMG_PENDING_VERIFY);
    CHECK_EQ(esp_ota_mark_app_valid_cancel_rollback(), ESP_OK);
    CHECK_EQ(reboot(), first); /* and stays */
    CHECK_EQ(running_state(), ESP_OTA_IMG_VALID);

    CHECK_EQ(write_update(OTA_WITH_SEQUENTIAL_WRITES, 1000), ESP_OK); /* the next update works */
    CHECK_EQ(reboot(), is_new ? OTA_0_ADDR : OTA_1_ADDR);
}

static void test_cut_everywhere(void)
{
    static const long TORN[] = {-1, 0, 1, 3, 4, 5, 24, 26, 28, 30, 100, 4096};

    fixture_case[0] = '\0';
    fresh_board();
    unsigned long before = flash_file_ops();
    CHECK(whole_update());
    long ops = (long)(flash_file_ops() - before);
    CHECK(ops > 20);
    for (long op = 1; op <= ops; op++) {
        for (size_t t = 0; t < sizeof TORN / sizeof TORN[0]; t++) {
            snprintf(fixture_case, sizeof fixture_case, "cut at %ld of %ld, torn %ld", op, ops, TORN[t]);
            fresh_board();
            flash_file_cut_after(op, TORN[t], NULL);
            whole_update();
            flash_file_cut_after(0, 0, NULL);
            check_after_cut();
        }
    }
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    fixture_open(argv[1], argv[2]);
    test_partitions();
    test_update();
    test_rollback();
    test_bad_images();
    test_cut_everywhere();
    return 0;
}
