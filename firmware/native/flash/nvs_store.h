/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * An nvs partition: its pages in the order they were begun, and the items on them. After a power cut at any operation
 * an item has its old or its new value.
 *
 * Not thread-safe; nvs_api.c holds the lock.
 */
#pragma once

#include "nvs.h"
#include "nvs_page.h"

struct nvs_store;

/** Reads the partition, and ends what a power cut interrupted. */
esp_err_t nvs_store_open(uint32_t addr, uint32_t size, struct nvs_store **out);
void nvs_store_close(struct nvs_store *store);

/** @return ESP_ERR_NVS_NOT_FOUND when there is no such namespace and it is not to be made */
esp_err_t nvs_store_namespace(struct nvs_store *store, const char *name, bool create, uint8_t *ns);

/** @param type of a number or NVS_ITEM_STR */
esp_err_t nvs_store_set(struct nvs_store *store, uint8_t ns, uint8_t type, const char *key, const void *data,
                        size_t size);
esp_err_t nvs_store_set_blob(struct nvs_store *store, uint8_t ns, const char *key, const void *data, size_t size);

/** Gets the size, and the value too if it fits into @p room. @p data may be NULL. Type NVS_TYPE_BLOB for any blob. */
esp_err_t nvs_store_get(struct nvs_store *store, uint8_t ns, uint8_t type, const char *key, void *data, size_t room,
                        size_t *size);

esp_err_t nvs_store_find(struct nvs_store *store, uint8_t ns, const char *key, nvs_type_t *type);
esp_err_t nvs_store_erase(struct nvs_store *store, uint8_t ns, const char *key);
esp_err_t nvs_store_erase_all(struct nvs_store *store, uint8_t ns);

/** Entries that the items of a namespace take. */
size_t nvs_store_used(struct nvs_store *store, uint8_t ns);
void nvs_store_stats(struct nvs_store *store, nvs_stats_t *stats);
