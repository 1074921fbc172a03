/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "image_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "esp_app_desc.h"
#include "esp_app_format.h"

#define IMAGE_BYTES_MAX (8u * 1024 * 1024)

static size_t read_file(const char *path, uint8_t *to, size_t room)
{
    FILE *f = fopen(path, "rb");

    if (!f) {
        sweep_failed("%s: %s; build the images first: make build", path, strerror(errno));
    }
    size_t len = fread(to, 1, room, f);
    fclose(f);
    return len;
}

struct image image_file_read(const char *path)
{
    struct image image = {.bytes = malloc(IMAGE_BYTES_MAX)};
    esp_app_desc_t desc;
    struct sha256 sha;
    size_t at = sizeof(esp_image_header_t) + sizeof(esp_image_segment_header_t);

    if (!image.bytes) {
        sweep_failed("no memory for %s", path);
    }
    image.len = read_file(path, image.bytes, IMAGE_BYTES_MAX);
    if (image.len < at + sizeof desc) {
        sweep_failed("%s: %zu bytes are no app image", path, image.len);
    }
    memcpy(&desc, image.bytes + at, sizeof desc);
    if (desc.magic_word != ESP_APP_DESC_MAGIC_WORD) {
        sweep_failed("%s: no app image", path);
    }
    memcpy(image.version, desc.version, sizeof image.version - 1);
    sha256_start(&sha);
    sha256_add(&sha, image.bytes, image.len);
    sha256_end(&sha, image.sha256);
    return image;
}

void image_file_read_table(const char *path, uint8_t *table, size_t size)
{
    size_t len = read_file(path, table, size);

    if (len != size) {
        sweep_failed("%s: a partition table has %zu bytes, this file %zu", path, size, len);
    }
}
