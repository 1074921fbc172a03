/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * nvs.h and nvs_flash.h: open partitions, handles on a namespace of one, and the lock around all of it.
 */
#include <stdlib.h>
#include <string.h>

#include "flash_port.h"
#include "nvs.h"
#include "nvs_flash.h"
#include "nvs_store.h"

struct part {
    char label[NVS_PART_NAME_MAX_SIZE + 1];
    bool readonly;
    struct nvs_store *store;
    struct part *next;
};

struct handle {
    nvs_handle_t number;
    struct part *part;
    uint8_t ns;
    bool readonly;
    struct handle *next;
};

/* Guarded by FLASH_LOCK_NVS. */
static struct part *parts;
static struct handle *handles;
static nvs_handle_t last_number;

static struct part *find_part(const char *label)
{
    struct part *p = parts;

    while (p && strcmp(p->label, label) != 0) {
        p = p->next;
    }
    return p;
}

static struct handle *find_handle(nvs_handle_t number)
{
    struct handle *h = handles;

    while (h && h->number != number) {
        h = h->next;
    }
    return h;
}

static esp_err_t init_partition(const char *label)
{
    if (strlen(label) > NVS_PART_NAME_MAX_SIZE) {
        return ESP_ERR_INVALID_ARG;
    }
    if (find_part(label)) {
        return ESP_OK;
    }
    const esp_partition_t *where =
        esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_NVS, label);
    if (!where) {
        return ESP_ERR_NOT_FOUND;
    }
    struct part *p = calloc(1, sizeof *p);
    if (!p) {
        return ESP_ERR_NO_MEM;
    }
    esp_err_t err = nvs_store_open(where->address, where->size, &p->store);
    if (err != ESP_OK) {
        free(p);
        return err;
    }
    strcpy(p->label, label);
    p->readonly = where->readonly;
    p->next = parts;
    parts = p;
    return ESP_OK;
}

static esp_err_t deinit_partition(const char *label)
{
    struct part *p = find_part(label);

    if (!p) {
        return ESP_ERR_NVS_NOT_INITIALIZED;
    }
    for (struct handle **h = &handles; *h;) {
        struct handle *gone = *h;
        if (gone->part == p) {
            *h = gone->next;
            free(gone);
        } else {
            h = &gone->next;
        }
    }
    for (struct part **q = &parts; *q; q = &(*q)->next) {
        if (*q == p) {
            *q = p->next;
            break;
        }
    }
    nvs_store_close(p->store);
    free(p);
    return ESP_OK;
}

static esp_err_t erase_partition(const char *label)
{
    const esp_partition_t *where =
        esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_NVS, label);

    if (find_part(label)) {
        deinit_partition(label);
    }
    return where ? esp_partition_erase_range(where, 0, where->size) : ESP_ERR_NOT_FOUND;
}

#define LOCKED(call)                   \
    flash_port_lock(FLASH_LOCK_NVS);   \
    esp_err_t locked_err = (call);     \
    flash_port_unlock(FLASH_LOCK_NVS); \
    return locked_err

esp_err_t nvs_flash_init_partition(const char *partition_label)
{
    LOCKED(init_partition(partition_label));
}

esp_err_t nvs_flash_init(void)
{
    return nvs_flash_init_partition(NVS_DEFAULT_PART_NAME);
}

esp_err_t nvs_flash_deinit_partition(const char *partition_label)
{
    LOCKED(deinit_partition(partition_label));
}

esp_err_t nvs_flash_deinit(void)
{
    return nvs_flash_deinit_partition(NVS_DEFAULT_PART_NAME);
}

esp_err_t nvs_flash_erase_partition(const char *part_name)
{
    LOCKED(erase_partition(part_name));
}

esp_err_t nvs_flash_erase(void)
{
    return nvs_flash_erase_partition(NVS_DEFAULT_PART_NAME);
}

static esp_err_t open_handle(const char *label, const char *ns_name, nvs_open_mode_t mode, nvs_handle_t *out)
{
    struct part *p = find_part(label);

    if (!p) {
        return parts ? ESP_ERR_NVS_PART_NOT_FOUND : ESP_ERR_NVS_NOT_INITIALIZED;
    }
    if (mode == NVS_READWRITE && p->readonly) {
        return ESP_ERR_NOT_ALLOWED;
    }
    if (strlen(ns_name) >= NVS_NS_NAME_MAX_SIZE) {
        return ESP_ERR_NVS_KEY_TOO_LONG;
    }
    struct handle *h = calloc(1, sizeof *h);
    if (!h) {
        return ESP_ERR_NO_MEM;
    }
    esp_err_t err = nvs_store_namespace(p->store, ns_name, mode == NVS_READWRITE, &h->ns);
    if (err != ESP_OK) {
        free(h);
        return err;
    }
    h->number = ++last_number;
    h->part = p;
    h->readonly = mode == NVS_READONLY;
    h->next = handles;
    handles = h;
    *out = h->number;
    return ESP_OK;
}

esp_err_t nvs_open_from_partition(const char *part_name, const char *namespace_name, nvs_open_mode_t open_mode,
                                  nvs_handle_t *out_handle)
{
    LOCKED(open_handle(part_name, namespace_name, open_mode, out_handle));
}

esp_err_t nvs_open(const char *namespace_name, nvs_open_mode_t open_mode, nvs_handle_t *out_handle)
{
    return nvs_open_from_partition(NVS_DEFAULT_PART_NAME, namespace_name, open_mode, out_handle);
}

void nvs_close(nvs_handle_t handle)
{
    flash_port_lock(FLASH_LOCK_NVS);
    for (struct handle **h = &handles; *h; h = &(*h)->next) {
        if ((*h)->number == handle) {
            struct handle *gone = *h;
            *h = gone->next;
            free(gone);
            break;
        }
    }
    flash_port_unlock(FLASH_LOCK_NVS);
}

static esp_err_t commit(nvs_handle_t handle)
{
    return find_handle(handle) ? ESP_OK : ESP_ERR_NVS_INVALID_HANDLE; /* every write goes straight to flash */
}

esp_err_t nvs_commit(nvs_handle_t handle)
{
    LOCKED(commit(handle));
}

static esp_err_t set(nvs_handle_t handle, nvs_type_t type, const char *key, const void *value, size_t size)
{
    struct handle *h = find_handle(handle);

    if (!h) {
        return ESP_ERR_NVS_INVALID_HANDLE;
    }
    if (h->readonly) {
        return ESP_ERR_NVS_READ_ONLY;
    }
    return type == NVS_TYPE_BLOB ? nvs_store_set_blob(h->part->store, h->ns, key, value, size)
                                 : nvs_store_set(h->part->store, h->ns, (uint8_t)type, key, value, size);
}

static esp_err_t get_number(nvs_handle_t handle, nvs_type_t type, const char *key, void *value, size_t size)
{
    struct handle *h = find_handle(handle);

    return h ? nvs_store_get(h->part->store, h->ns, (uint8_t)type, key, value, size, &size)
             : ESP_ERR_NVS_INVALID_HANDLE;
}

#define NUMBER(suffix, c_type, nvs_type)                                                \
    esp_err_t nvs_set_##suffix(nvs_handle_t handle, const char *key, c_type value)      \
    {                                                                                   \
        LOCKED(set(handle, nvs_type, key, &value, sizeof value));                       \
    }                                                                                   \
    esp_err_t nvs_get_##suffix(nvs_handle_t handle, const char *key, c_type *out_value) \
    {                                                                                   \
        LOCKED(get_number(handle, nvs_type, key, out_value, sizeof *out_value));        \
    }

NUMBER(i8, int8_t, NVS_TYPE_I8)
NUMBER(u8, uint8_t, NVS_TYPE_U8)
NUMBER(i16, int16_t, NVS_TYPE_I16)
NUMBER(u16, uint16_t, NVS_TYPE_U16)
NUMBER(i32, int32_t, NVS_TYPE_I32)
NUMBER(u32, uint32_t, NVS_TYPE_U32)
NUMBER(i64, int64_t, NVS_TYPE_I64)
NUMBER(u64, uint64_t, NVS_TYPE_U64)

esp_err_t nvs_set_str(nvs_handle_t handle, const char *key, const char *value)
{
    LOCKED(set(handle, NVS_TYPE_STR, key, value, strlen(value) + 1));
}

esp_err_t nvs_set_blob(nvs_handle_t handle, const char *key, const void *value, size_t length)
{
    LOCKED(set(handle, NVS_TYPE_BLOB, key, value, length));
}

static esp_err_t get_sized(nvs_handle_t handle, nvs_type_t type, const char *key, void *value, size_t *length)
{
    struct handle *h = find_handle(handle);
    size_t size;

    if (!h) {
        return ESP_ERR_NVS_INVALID_HANDLE;
    }
    esp_err_t err = nvs_store_get(h->part->store, h->ns, (uint8_t)type, key, NULL, 0, &size);
    if (err != ESP_OK) {
        return err;
    }
    if (!length) {
        return ESP_ERR_NVS_INVALID_LENGTH;
    }
    size_t room = *length;
    *length = size;
    return value ? nvs_store_get(h->part->store, h->ns, (uint8_t)type, key, value, room, &size) : ESP_OK;
}

esp_err_t nvs_get_str(nvs_handle_t handle, const char *key, char *out_value, size_t *length)
{
    LOCKED(get_sized(handle, NVS_TYPE_STR, key, out_value, length));
}

esp_err_t nvs_get_blob(nvs_handle_t handle, const char *key, void *out_value, size_t *length)
{
    LOCKED(get_sized(handle, NVS_TYPE_BLOB, key, out_value, length));
}

static esp_err_t find_key(nvs_handle_t handle, const char *key, nvs_type_t *out_type)
{
    struct handle *h = find_handle(handle);
    nvs_type_t type;

    return h ? nvs_store_find(h->part->store, h->ns, key, out_type ? out_type : &type) : ESP_ERR_NVS_INVALID_HANDLE;
}

esp_err_t nvs_find_key(nvs_handle_t handle, const char *key, nvs_type_t *out_type)
{
    LOCKED(find_key(handle, key, out_type));
}

static esp_err_t erase(nvs_handle_t handle, const char *key)
{
    struct handle *h = find_handle(handle);

    if (!h) {
        return ESP_ERR_NVS_INVALID_HANDLE;
    }
    if (h->readonly) {
        return ESP_ERR_NVS_READ_ONLY;
    }
    return key ? nvs_store_erase(h->part->store, h->ns, key) : nvs_store_erase_all(h->part->store, h->ns);
}

esp_err_t nvs_erase_key(nvs_handle_t handle, const char *key)
{
    LOCKED(erase(handle, key));
}

esp_err_t nvs_erase_all(nvs_handle_t handle)
{
    LOCKED(erase(handle, NULL));
}

static esp_err_t get_stats(const char *label, nvs_stats_t *stats)
{
    struct part *p = find_part(label ? label : NVS_DEFAULT_PART_NAME);

    *stats = (nvs_stats_t){0};
    if (!p) {
        return ESP_ERR_NVS_NOT_INITIALIZED;
    }
    nvs_store_stats(p->store, stats);
    return ESP_OK;
}

esp_err_t nvs_get_stats(const char *part_name, nvs_stats_t *nvs_stats)
{
    if (!nvs_stats) {
        return ESP_ERR_INVALID_ARG;
    }
    LOCKED(get_stats(part_name, nvs_stats));
}

static esp_err_t used_entries_of(nvs_handle_t handle, size_t *used_entries)
{
    struct handle *h = find_handle(handle);

    *used_entries = 0;
    if (!h) {
        return ESP_ERR_NVS_INVALID_HANDLE;
    }
    *used_entries = nvs_store_used(h->part->store, h->ns);
    return ESP_OK;
}

esp_err_t nvs_get_used_entry_count(nvs_handle_t handle, size_t *used_entries)
{
    if (!used_entries) {
        return ESP_ERR_INVALID_ARG;
    }
    LOCKED(used_entries_of(handle, used_entries));
}
