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
    enum flash_tear tear;
    void (*on_cut)(void);
    void (*on_op)(uint32_t addr, size_t len, bool is_erase);
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

void flash_file_tear(enum flash_tear how)
{
    chip.tear = how;
}

void flash_file_watch(void (*on_op)(uint32_t addr, size_t len, bool is_erase))
{
    chip.on_op = on_op;
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
    memset(&chip, 0, sizeof chip); /* FLASH_TEAR_FIRST too */
    chip.fd = chip.fd_readonly = -1;
}

size_t flash_size(void)
{
    return chip.size;
}

/* Bytes from..to of an operation get done, and of each byte the bits in mask. */
struct extent {
    size_t from, to;
    uint8_t mask;
};

static struct extent torn_extent(size_t len, bool is_erase)
{
    if (chip.torn_bytes < 0) {
        return (struct extent){0, 0, 0xFF};
    }
    size_t torn = (size_t)chip.torn_bytes < len ? (size_t)chip.torn_bytes : len;
    switch (chip.tear) {
    case FLASH_TEAR_LAST:
        return (struct extent){len - torn, len, 0xFF};
    case FLASH_TEAR_BITS:
        return (struct extent){0, len, 0x55};
    case FLASH_TEAR_ZERO:
        return (struct extent){0, len, is_erase ? 0x00 : 0x55};
    default:
        return (struct extent){0, torn, 0xFF};
    }
}

/* Counts an operation. @return what of it gets done: not all of it when the power goes now */
static struct extent begin_op(uint32_t addr, size_t len, bool is_erase)
{
    if (chip.on_op) {
        chip.on_op(addr, len, is_erase);
    }
    chip.ops++;
    if (!chip.armed || --chip.ops_left > 0) {
        return (struct extent){0, len, 0xFF};
    }
    chip.armed = false;
    chip.off = true;
    return torn_extent(len, is_erase);
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
        struct extent done = begin_op(addr, n, false);
        for (size_t i = done.from; i < done.to; i++) {
            chip.bytes[addr + i] &= from[i] | (uint8_t)~done.mask;
        }
        err = end_op();
        addr += (uint32_t)n;
        from += n;
        len -= n;
    }
    return err;
}

static void erase_sector(uint8_t *sector, struct extent done)
{
    if (done.mask == 0xFF) {
        memset(sector + done.from, 0xFF, done.to - done.from);
        return;
    }
    for (size_t i = done.from; i < done.to; i++) {
        sector[i] = done.mask ? sector[i] | done.mask : 0x00;
    }
}

esp_err_t flash_erase(uint32_t addr, size_t len)
{
    if (addr % FLASH_SECTOR != 0 || len % FLASH_SECTOR != 0) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = check_range(addr, len);

    for (; err == ESP_OK && len > 0; addr += FLASH_SECTOR, len -= FLASH_SECTOR) {
        erase_sector(chip.bytes + addr, begin_op(addr, FLASH_SECTOR, true));
        err = end_op();
    }
    return err;
}
