/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The list of request headers.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "http_header.h"

static struct http_header **find(struct http_header **list, const char *key)
{
    while (*list != NULL && strcasecmp((*list)->key, key) != 0) {
        list = &(*list)->next;
    }
    return list;
}

static void delete (struct http_header **link)
{
    struct http_header *header = *link;
    if (header != NULL) {
        *link = header->next;
        free(header->value);
        free(header);
    }
}

/* A line end in a header would let its value add headers, or a whole request, of its own. */
static bool valid(const char *key, const char *value)
{
    return key[0] != '\0' && strpbrk(key, "\r\n: ") == NULL && strpbrk(value, "\r\n") == NULL;
}

esp_err_t http_header_set(struct http_header **list, const char *key, const char *value)
{
    struct http_header **link = find(list, key);
    if (value == NULL) {
        delete (link);
        return ESP_OK;
    }
    if (!valid(key, value)) {
        return ESP_ERR_INVALID_ARG;
    }
    char *copy = strdup(value);
    if (copy == NULL) {
        return ESP_ERR_NO_MEM;
    }
    if (*link == NULL) {
        const size_t key_size = strlen(key) + 1;
        struct http_header *header = malloc(sizeof(*header) + key_size);
        if (header == NULL) {
            free(copy);
            return ESP_ERR_NO_MEM;
        }
        memcpy(header->key, key, key_size);
        header->next = NULL;
        header->value = NULL;
        *link = header;
    }
    free((*link)->value);
    (*link)->value = copy;
    return ESP_OK;
}

char *http_header_get(struct http_header *list, const char *key)
{
    struct http_header **link = find(&list, key);
    return *link != NULL ? (*link)->value : NULL;
}

void http_header_delete_all(struct http_header **list)
{
    while (*list != NULL) {
        delete (list);
    }
}
