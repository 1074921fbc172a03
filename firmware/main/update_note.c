/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The note is one blob in the app's own nvs, which is written or is not: nvs keeps a checksum with it, and a power cut
 * leaves the old state or the new one.
 *
 *   stored, power lost before it is cleared      the attempt is made at the next boot
 *   cleared, power lost before or in the attempt  the next boot is an ordinary one; the trigger has to be sent again,
 *                                                 with a greater counter
 *   cannot be cleared                             no attempt: it would be made for ever
 *
 * A note of another image is not obeyed: the trigger was checked by that one, and its layout may differ.
 */
#include "update_note.h"

#include <stdint.h>
#include <string.h>

#include "esp_log.h"
#include "nvs.h"

#define NVS_NAMESPACE "hil"
#define NVS_NOTE      "update_only"
#define FORMAT        1u /* goes up when trigger_t changes */

typedef struct {
    uint32_t format;
    char running_version[32];
    trigger_t trigger;
} note_t;

static const char TAG[] = "update_note";
static note_t s_note; /* too large for a stack; the main task's alone */

esp_err_t update_note_store(const trigger_t *trigger, const char *running_version)
{
    nvs_handle_t nvs;
    memset(&s_note, 0, sizeof(s_note));
    s_note.format = FORMAT;
    strncpy(s_note.running_version, running_version, sizeof(s_note.running_version) - 1);
    s_note.trigger = *trigger;
    esp_err_t err = nvs_open(NVS_NAMESPACE, NVS_READWRITE, &nvs);
    if (err != ESP_OK) {
        return err;
    }
    err = nvs_set_blob(nvs, NVS_NOTE, &s_note, sizeof(s_note));
    if (err == ESP_OK) {
        err = nvs_commit(nvs);
    }
    nvs_close(nvs);
    return err;
}

static esp_err_t read_note(size_t *len)
{
    nvs_handle_t nvs;
    esp_err_t err = nvs_open(NVS_NAMESPACE, NVS_READONLY, &nvs);
    if (err == ESP_OK) {
        err = nvs_get_blob(nvs, NVS_NOTE, &s_note, len);
        nvs_close(nvs);
    }
    return err;
}

static esp_err_t clear_note(void)
{
    nvs_handle_t nvs;
    esp_err_t err = nvs_open(NVS_NAMESPACE, NVS_READWRITE, &nvs);
    if (err != ESP_OK) {
        return err;
    }
    err = nvs_erase_key(nvs, NVS_NOTE);
    if (err == ESP_OK) {
        err = nvs_commit(nvs);
    }
    nvs_close(nvs);
    return err;
}

bool update_note_take(const char *running_version, trigger_t *out)
{
    memset(&s_note, 0, sizeof(s_note));
    size_t len = sizeof(s_note);
    const esp_err_t read = read_note(&len);
    if (read == ESP_ERR_NVS_NOT_FOUND) {
        return false;
    }
    const esp_err_t cleared = clear_note(); /* also one that cannot be read */
    if (read != ESP_OK || len != sizeof(s_note) || s_note.format != FORMAT ||
        strncmp(s_note.running_version, running_version, sizeof(s_note.running_version) - 1) != 0) {
        ESP_LOGW(TAG, "a note that is not this image's is dropped (%s)", esp_err_to_name(read));
        return false;
    }
    if (cleared != ESP_OK) {
        ESP_LOGE(TAG, "not obeyed, since it cannot be cleared: %s", esp_err_to_name(cleared));
        return false;
    }
    *out = s_note.trigger;
    return true;
}
