/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The flash of `--program` without `--flash`: lives in memory and ends with the supervisor.
 */
#define _GNU_SOURCE
#include "scratch_flash.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "esp_flash_partitions.h"
#include "esp_partition.h"

#define SIZE   (4u * 1024 * 1024)
#define SECTOR 4096u

int scratch_flash_create(void)
{
    const esp_partition_info_t nvs = {
        .magic = ESP_PARTITION_MAGIC,
        .type = ESP_PARTITION_TYPE_DATA,
        .subtype = ESP_PARTITION_SUBTYPE_DATA_NVS,
        .pos = {.offset = 0x9000, .size = 0x6000},
        .label = "nvs",
    };
    unsigned char erased[SECTOR];
    int fd = memfd_create("scratch-flash", MFD_CLOEXEC);

    memset(erased, 0xFF, sizeof(erased));
    for (unsigned at = 0; fd >= 0 && at < SIZE; at += SECTOR) {
        if (write(fd, erased, SECTOR) != SECTOR) {
            close(fd);
            fd = -1;
        }
    }
    if (fd >= 0 && pwrite(fd, &nvs, sizeof(nvs), ESP_PARTITION_TABLE_OFFSET) != sizeof(nvs)) {
        close(fd);
        fd = -1;
    }
    return fd;
}
