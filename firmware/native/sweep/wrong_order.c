/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The linker sends the app's calls to __wrap_... here (see CMakeLists.txt); __real_... is what the app has.
 */
#include "wrong_order.h"

#include <stddef.h>
#include <string.h>

#include "esp_ota_ops.h"
#include "otadata.h"

#include "download.h"
#include "self_test.h"
#include "trigger_counter.h"

static enum {
    RIGHT,
    OTADATA_FIRST, /* the slot is named in otadata, and then written */
    COUNTER_LAST,  /* the trigger's counter is stored when all is done, and not on acceptance */
    VALID_FIRST,   /* an image confirms itself, and then tests itself */
} order;

static uint64_t counter_kept;

bool wrong_order_choose(const char *name)
{
    order = strcmp(name, "otadata-first") == 0  ? OTADATA_FIRST
            : strcmp(name, "counter-last") == 0 ? COUNTER_LAST
            : strcmp(name, "valid-first") == 0  ? VALID_FIRST
                                                : RIGHT;
    return order != RIGHT;
}

const char *wrong_order_names(void)
{
    return "otadata-first counter-last valid-first";
}

esp_err_t __real_download_image(const trigger_t *trigger, const esp_partition_t *slot, const char **reason);
esp_err_t __wrap_download_image(const trigger_t *trigger, const esp_partition_t *slot, const char **reason);
esp_err_t __real_trigger_counter_store(uint64_t counter);
esp_err_t __wrap_trigger_counter_store(uint64_t counter);
esp_err_t __real_self_test_start(void);
esp_err_t __wrap_self_test_start(void);

/* What esp_ota_set_boot_partition() does after it has found the image to be whole. */
static void name_in_otadata(const esp_partition_t *slot)
{
    const esp_partition_t *otadata =
        esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_OTA, NULL);
    esp_ota_select_entry_t two[2];

    otadata_read(otadata->address, two);
    int active = otadata_active(two);
    int other = active == 0 ? 1 : 0;
    uint32_t number = slot->subtype & 0x0fu, seq = number + 1;
    while (active >= 0 && seq <= two[active].ota_seq) {
        seq += esp_ota_get_app_partition_count();
    }
    memset(&two[other], 0xFF, sizeof two[other]);
    two[other].ota_seq = seq;
    two[other].ota_state = ESP_OTA_IMG_NEW;
    two[other].crc = otadata_crc(&two[other]);
    otadata_write(otadata->address, other, &two[other]);
}

esp_err_t __wrap_download_image(const trigger_t *trigger, const esp_partition_t *slot, const char **reason)
{
    if (order == OTADATA_FIRST) {
        name_in_otadata(slot);
    }
    return __real_download_image(trigger, slot, reason);
}

esp_err_t __wrap_trigger_counter_store(uint64_t counter)
{
    if (order == COUNTER_LAST) {
        counter_kept = counter;
        return ESP_OK;
    }
    return __real_trigger_counter_store(counter);
}

void wrong_order_before_restart(void)
{
    if (counter_kept != 0) {
        __real_trigger_counter_store(counter_kept);
    }
}

esp_err_t __wrap_self_test_start(void)
{
    const esp_err_t err = __real_self_test_start();
    if (order == VALID_FIRST && self_test_is_pending()) {
        esp_ota_mark_app_valid_cancel_rollback();
    }
    return err;
}
