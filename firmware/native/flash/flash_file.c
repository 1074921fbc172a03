/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "flash_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "esp_flash_partitions.h"

static struct {
    int fd, fd_readonly;
    uint8_t *bytes;
    size_t size;
    unsigned long ops;
    bool armed, off;
    long ops_left; /* until the cut; 1 = the next operation */
    long torn_bytes;
    void (*on_cut)(void);
} chip = {.fd = -1, .fd_readonly = -1};

__attribute__((format(printf, 4, 5))) static esp_err_t refuse(esp_err_t err, char *why, size_t why_size,
                                                              const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, why_size, format, args);
    va_end(args);
    flash_file_close();
    return err;
}

esp_err_t flash_file_open(const char *path, char *why, size_t why_size)
{
    struct stat st;
    uint16_t magic;

    flash_file_close();
    chip.fd = open(path, O_RDWR | O_CLOEXEC);
    if (chip.fd < 0) {
        return refuse(ESP_ERR_NOT_FOUND, why, why_size, "flash file %s: %s", path, strerror(errno));
    }
    if (fstat(chip.fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        return refuse(ESP_ERR_INVALID_ARG, why, why_size, "flash file %s: not a regular file", path);
    }
    if (st.st_size < FLASH_MIN_SIZE || st.st_size % FLASH_SECTOR != 0 || st.st_size > INT32_MAX) {
        return refuse(ESP_ERR_INVALID_SIZE, why, why_size,
                      "flash file %s: %lld bytes are no flash; a multiple of %u and at least %u is needed", path,
                      (long long)st.st_size, FLASH_SECTOR, FLASH_MIN_SIZE);
    }
    if (flock(chip.fd, LOCK_EX | LOCK_NB) < 0) {
        return refuse(ESP_ERR_INVALID_STATE, why, why_size, "flash file %s: in use by another board", path);
    }
    chip.fd_readonly = open(path, O_RDONLY | O_CLOEXEC);
    void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, chip.fd, 0);
    if (chip.fd_readonly < 0 || bytes == MAP_FAILED) {
        return refuse(ESP_FAIL, why, why_size, "flash file %s: %s", path, strerror(errno));
    }
    chip.bytes = bytes;
    chip.size = (size_t)st.st_size;
    memcpy(&magic, chip.bytes + ESP_PARTITION_TABLE_OFFSET, sizeof magic);
    if (magic != ESP_PARTITION_MAGIC) {
        return refuse(ESP_ERR_INVALID_STATE, why, why_size,
                      "flash file %s: no partition table at 0x%x; write one there first", path,
                      ESP_PARTITION_TABLE_OFFSET);
    }
    return ESP_OK;
}

int flash_file_fd_readonly(void)
{
    return chip.fd_readonly;
}

void flash_file_cut_after(long ops, long torn_bytes, void (*on_cut)(void))
{
    chip.off = false;
    chip.armed = ops > 0;
    chip.ops_left = ops;
    chip.torn_bytes = torn_bytes;
    chip.on_cut = on_cut;
}

unsigned long flash_file_ops(void)
{
    return chip.ops;
}

void flash_file_close(void)
{
    if (chip.bytes) {
        munmap(chip.bytes, chip.size);
    }
    if (chip.fd >= 0) {
        close(chip.fd);
    }
    if (chip.fd_readonly >= 0) {
        close(chip.fd_readonly);
    }
    memset(&chip, 0, sizeof chip);
    chip.fd = chip.fd_readonly = -1;
}

size_t flash_size(void)
{
    return chip.size;
}

/* Counts an operation of len bytes. @return how many of them get done; fewer than len when the power goes now */
static size_t begin_op(size_t len)
{
    chip.ops++;
    if (!chip.armed || --chip.ops_left > 0) {
        return len;
    }
    chip.armed = false;
    chip.off = true;
    if (chip.torn_bytes < 0) {
        return 0;
    }
    return (size_t)chip.torn_bytes < len ? (size_t)chip.torn_bytes : len;
}

static esp_err_t end_op(void)
{
    if (!chip.off) {
        return ESP_OK;
    }
    if (chip.on_cut) {
        chip.on_cut();
    }
    return ESP_FAIL;
}

/* Outside the flash, or no power. */
static esp_err_t check_range(uint32_t addr, size_t len)
{
    if (addr > chip.size || len > chip.size - addr) {
        return ESP_ERR_INVALID_SIZE;
    }
    return chip.off ? ESP_FAIL : ESP_OK;
}

esp_err_t flash_read(uint32_t addr, void *dst, size_t len)
{
    esp_err_t err = check_range(addr, len);

    if (err == ESP_OK) {
        memcpy(dst, chip.bytes + addr, len);
    }
    return err;
}

esp_err_t flash_write(uint32_t addr, const void *src, size_t len)
{
    const uint8_t *from = src;
    esp_err_t err = check_range(addr, len);

    while (err == ESP_OK && len > 0) {
        size_t in_page = FLASH_PAGE - addr % FLASH_PAGE;
        size_t n = len < in_page ? len : in_page;
        size_t done = begin_op(n);
        for (size_t i = 0; i < done; i++) {
            chip.bytes[addr + i] &= from[i];
        }
        err = end_op();
        addr += (uint32_t)n;
        from += n;
        len -= n;
    }
    return err;
}

esp_err_t flash_erase(uint32_t addr, size_t len)
{
    if (addr % FLASH_SECTOR != 0 || len % FLASH_SECTOR != 0) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = check_range(addr, len);

    for (; err == ESP_OK && len > 0; addr += FLASH_SECTOR, len -= FLASH_SECTOR) {
        memset(chip.bytes + addr, 0xFF, begin_op(FLASH_SECTOR));
        err = end_op();
    }
    return err;
}
