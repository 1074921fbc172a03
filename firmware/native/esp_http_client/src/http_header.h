/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The headers of a request, in the order in which they were set; keys are compared without regard to case.
 */
#pragma once

#include "esp_err.h"

struct http_header {
    struct http_header *next;
    char *value;
    char key[];
};

/* value NULL deletes. */
esp_err_t http_header_set(struct http_header **list, const char *key, const char *value);
char *http_header_get(struct http_header *list, const char *key);
void http_header_delete_all(struct http_header **list);
