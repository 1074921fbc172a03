/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "chip_headers.h"

size_t __attribute__((weak)) strlcpy(char *to, const char *from, size_t size)
{
    const size_t length = strlen(from);
    if (size > 0) {
        const size_t copied = length < size ? length : size - 1;
        memcpy(to, from, copied);
        to[copied] = '\0';
    }
    return length;
}
