/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "contents.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "board.h"
#include "nvs_flash.h"

#define NAMESPACE     "keepsakes"
#define NUMBER        4711u
#define TEXT          "a text that takes more than one entry of thirty-two bytes"
#define BLOB_BYTES    1000
#define FILL_KEYS     20 /* of them are alive: there is something to copy when a page is given up */
#define PROVISIONED   "provisioning"
#define NVS_BYTES_MAX (64 * 1024)

static void must(esp_err_t err, const char *what)
{
    if (err != ESP_OK) {
        printf("%s: 0x%x\n", what, (unsigned)err);
        fflush(stdout);
        _exit(1);
    }
}

static void make_blob(uint8_t blob[BLOB_BYTES])
{
    for (size_t i = 0; i < BLOB_BYTES; i++) {
        blob[i] = (uint8_t)(i * 7 + i / 256);
    }
}

static void provision(void)
{
    nvs_handle_t nvs;

    must(nvs_flash_init_partition(PROVISIONED), PROVISIONED);
    must(nvs_open_from_partition(PROVISIONED, "hil", NVS_READWRITE, &nvs), PROVISIONED);
    must(nvs_set_str(nvs, "device_id", "board-1"), "device_id");
    must(nvs_set_str(nvs, "broker_uri", "mqtt://10.0.2.2:1883"), "broker_uri");
    nvs_close(nvs);
}

void contents_write(const void *unused)
{
    uint8_t blob[BLOB_BYTES];
    nvs_handle_t nvs;

    (void)unused;
    provision();
    make_blob(blob);
    must(nvs_open(NAMESPACE, NVS_READWRITE, &nvs), NAMESPACE);
    must(nvs_set_u32(nvs, "number", NUMBER), "number");
    must(nvs_set_str(nvs, "text", TEXT), "text");
    must(nvs_set_blob(nvs, "blob", blob, sizeof blob), "blob");
    nvs_close(nvs);
}

static bool gave_up_a_page;

static void watch(uint32_t addr, size_t len, bool is_erase)
{
    (void)addr;
    (void)len;
    gave_up_a_page = gave_up_a_page || is_erase;
}

/* Tries both writes and takes them back. @return whether the second one gave up a page */
static bool gives_up_a_page(const struct writes *writes)
{
    static uint8_t before[NVS_BYTES_MAX];
    const esp_partition_t *nvs =
        esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_NVS, NVS_DEFAULT_PART_NAME);
    uint8_t *now = board_flash() + nvs->address;

    memcpy(before, now, nvs->size);
    if (writes->first) {
        writes->first();
    }
    gave_up_a_page = false;
    flash_file_watch(watch);
    writes->second();
    flash_file_watch(NULL);
    memcpy(now, before, nvs->size);
    nvs_flash_deinit();
    must(nvs_flash_init(), "nvs");
    return gave_up_a_page;
}

void contents_fill(const void *writes)
{
    for (unsigned i = 0; !gives_up_a_page(writes); i++) {
        char key[16];
        nvs_handle_t nvs;
        snprintf(key, sizeof key, "fill%u", i % FILL_KEYS);
        must(nvs_open(NAMESPACE, NVS_READWRITE, &nvs), NAMESPACE);
        must(nvs_set_u32(nvs, key, i), key);
        nvs_close(nvs);
    }
}

bool contents_are_there(void)
{
    uint8_t wanted[BLOB_BYTES], blob[BLOB_BYTES];
    char text[sizeof TEXT];
    size_t text_len = sizeof text, blob_len = sizeof blob;
    uint32_t number;
    nvs_handle_t nvs;

    make_blob(wanted);
    if (nvs_open(NAMESPACE, NVS_READONLY, &nvs) != ESP_OK) {
        return false;
    }
    bool there = nvs_get_u32(nvs, "number", &number) == ESP_OK && number == NUMBER &&
                 nvs_get_str(nvs, "text", text, &text_len) == ESP_OK && strcmp(text, TEXT) == 0 &&
                 nvs_get_blob(nvs, "blob", blob, &blob_len) == ESP_OK && blob_len == sizeof blob &&
                 memcmp(blob, wanted, sizeof blob) == 0;
    nvs_close(nvs);
    return there;
}
