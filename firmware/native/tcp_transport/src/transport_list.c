/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The transports a client can choose from, found by the scheme of its URI.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "esp_transport.h"

struct list_entry {
    struct list_entry *next;
    esp_transport_handle_t transport;
    char scheme[];
};

struct esp_transport_list_t {
    struct list_entry *first;
};

esp_transport_list_handle_t esp_transport_list_init(void)
{
    return calloc(1, sizeof(struct esp_transport_list_t));
}

esp_err_t esp_transport_list_add(esp_transport_list_handle_t list, esp_transport_handle_t t, const char *scheme)
{
    if (list == NULL || t == NULL || scheme == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    size_t size = strlen(scheme) + 1;
    struct list_entry *entry = malloc(sizeof(*entry) + size);
    if (entry == NULL) {
        return ESP_ERR_NO_MEM;
    }
    memcpy(entry->scheme, scheme, size);
    entry->transport = t;
    entry->next = list->first;
    list->first = entry;
    return ESP_OK;
}

esp_transport_handle_t esp_transport_list_get_transport(esp_transport_list_handle_t list, const char *scheme)
{
    if (list == NULL || scheme == NULL) {
        return NULL;
    }
    for (struct list_entry *entry = list->first; entry != NULL; entry = entry->next) {
        if (strcasecmp(entry->scheme, scheme) == 0) {
            return entry->transport;
        }
    }
    return NULL;
}

esp_err_t esp_transport_list_clean(esp_transport_list_handle_t list)
{
    if (list == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    while (list->first != NULL) {
        struct list_entry *entry = list->first;
        list->first = entry->next;
        esp_transport_destroy(entry->transport);
        free(entry);
    }
    return ESP_OK;
}

esp_err_t esp_transport_list_destroy(esp_transport_list_handle_t list)
{
    esp_err_t err = esp_transport_list_clean(list);
    free(list);
    return err;
}
