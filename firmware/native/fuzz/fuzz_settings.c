/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The provisioning partition, whatever is in it: nvs as the native board has it, and the app's reading of its settings
 * and of its own counter and note. The first byte says whether checksums are set right, which a fuzzer cannot guess.
 */
#include "fuzz.h"

#include <stddef.h>

#include "esp_http_client.h"
#include "nvs_flash.h"
#include "nvs_format.h"

#include "flash_stand_in.h"
#include "settings.h"
#include "trigger_counter.h"
#include "update_note.h"

static void mend_page(uint8_t *page)
{
    struct nvs_page_header header;

    memcpy(&header, page, sizeof header);
    header.crc = nvs_header_crc(&header);
    memcpy(page, &header, sizeof header);
    for (unsigned i = 0; i < NVS_ENTRIES; i++) {
        struct nvs_item item;
        memcpy(&item, page + NVS_ENTRY_OFFSET + i * NVS_ENTRY, sizeof item);
        item.crc = nvs_item_crc(&item);
        memcpy(page + NVS_ENTRY_OFFSET + i * NVS_ENTRY, &item, sizeof item);
        if (nvs_item_has_data(item.type)) {
            i += item.span > 1 ? item.span - 1u : 0; /* what follows is data */
        }
    }
}

static void put(uint32_t partition, const uint8_t *data, size_t size, bool mend)
{
    const size_t len = size < FUZZ_NVS_BYTES ? size : FUZZ_NVS_BYTES;

    memcpy(fuzz_flash + partition, data, len);
    for (size_t page = 0; mend && page < len; page += FLASH_SECTOR) {
        mend_page(fuzz_flash + partition + page);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *missing;
    uint64_t counter;
    trigger_t noted;

    if (size == 0) {
        return 0;
    }
    fuzz_flash_reset();
    put(FUZZ_PROVISIONING, data + 1, size - 1, data[0] & 1);
    put(FUZZ_NVS, data + 1, size - 1, data[0] & 1);
    if (settings_load(&missing) == ESP_OK) {
        const settings_t *s = settings();
        HOLDS(missing == NULL && strncmp(s->broker_uri, "mqtt", 4) == 0);
        HOLDS(memchr(s->device_id, '\0', sizeof s->device_id) != NULL);
        HOLDS(s->frame_ms >= 10 && s->frame_ms <= 5000 && s->frame_bytes >= 1024 && s->frame_bytes <= 32768);
        HOLDS(s->self_test_ms >= 1000 && s->port_control != 0 && s->port_stream != 0);
    }
    free((void *)settings()->ca);
    free((void *)settings()->server_cert);
    free((void *)settings()->server_key);
    memset((void *)settings(), 0, sizeof *settings()); /* as at power-on; a board reads them once */
    if (nvs_flash_init() == ESP_OK) {
        trigger_counter_load(&counter);
        if (update_note_take("1.0.0", &noted)) {
            HOLDS(!update_note_take("1.0.0", &noted));
        }
        if (trigger_counter_store(99) == ESP_OK) {
            HOLDS(trigger_counter_load(&counter) == ESP_OK && counter == 99);
        }
    }
    nvs_flash_deinit();
    nvs_flash_deinit_partition("provisioning");
    return 0;
}
