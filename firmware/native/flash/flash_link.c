/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The flash as the program has it: mapped for reads, as a chip maps its flash into the address space; erased and
 * written by the supervisor, who counts and may cut.
 */
#include "flash.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "board_link_client.h"

static const uint8_t *mapped;
static size_t mapped_size;

static void map_flash(void)
{
    struct stat st;

    if (fstat(BOARD_FD_FLASH, &st) < 0 || st.st_size == 0) {
        return; /* a program run by hand: a flash of no bytes */
    }
    void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, BOARD_FD_FLASH, 0);
    if (at != MAP_FAILED) {
        mapped = at;
        mapped_size = (size_t)st.st_size;
    }
}

size_t flash_size(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, map_flash);
    return mapped_size;
}

static esp_err_t check_range(uint32_t addr, size_t len)
{
    size_t size = flash_size();

    return addr > size || len > size - addr ? ESP_ERR_INVALID_SIZE : ESP_OK;
}

esp_err_t flash_read(uint32_t addr, void *dst, size_t len)
{
    esp_err_t err = check_range(addr, len);

    if (err == ESP_OK) {
        memcpy(dst, mapped + addr, len);
    }
    return err;
}

esp_err_t flash_write(uint32_t addr, const void *src, size_t len)
{
    const uint8_t *from = src;
    esp_err_t err = check_range(addr, len);

    while (err == ESP_OK && len > 0) {
        size_t n = len < BOARD_LINK_DATA ? len : BOARD_LINK_DATA;
        err = board_link_write(addr, from, n);
        addr += (uint32_t)n;
        from += n;
        len -= n;
    }
    return err;
}

esp_err_t flash_erase(uint32_t addr, size_t len)
{
    esp_err_t err = check_range(addr, len);

    return err == ESP_OK && len > 0 ? board_link_erase(addr, len) : err;
}
