/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The flash file: what is refused, NOR's rules, and cuts that are whole or torn.
 */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

#define AT 0x10000u

static int cuts;

static void count_cut(void)
{
    cuts++;
}

static void refuses(const char *dir, long size, const char *text)
{
    char path[300], why[200] = "";

    snprintf(path, sizeof path, "%s/refused.bin", dir);
    unlink(path);
    if (size >= 0) {
        FILE *f = fopen(path, "wb");
        CHECK(f && ftruncate(fileno(f), size) == 0);
        fclose(f);
    }
    CHECK(flash_file_open(path, why, sizeof why) != ESP_OK);
    snprintf(fixture_case, sizeof fixture_case, "%.190s", why);
    CHECK(strstr(why, text) && strstr(why, path) && !strchr(why, '\n'));
    CHECK_EQ(flash_size(), 0);
    CHECK_EQ(flash_file_fd_readonly(), -1);
}

static void test_refusals(const char *dir, const char *path, const char *table)
{
    char why[200];

    refuses(dir, -1, "No such file");
    refuses(dir, 512 * 1024, "no flash");
    refuses(dir, 2 * 1024 * 1024 + 100, "no flash");
    refuses(dir, 2 * 1024 * 1024, "no partition table at 0x8000");
    CHECK_EQ(flash_file_open(dir, why, sizeof why), ESP_ERR_NOT_FOUND);

    fixture_open(path, table);
    pid_t pid = fork(); /* another board on the same file */
    CHECK(pid >= 0);
    if (pid == 0) {
        execl("/proc/self/exe", "test_flash_file", "--open", path, (char *)NULL);
        _exit(127);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 42);
}

static void test_nor(void)
{
    uint8_t a[] = {0x0F, 0xF0, 0x55}, b[] = {0x3C, 0x3C, 0xAA}, got[3];

    CHECK_EQ(flash_erase(AT, FLASH_SECTOR), ESP_OK);
    CHECK_EQ(flash_write(AT, a, 3), ESP_OK);
    CHECK_EQ(flash_write(AT, b, 3), ESP_OK);
    CHECK_EQ(flash_read(AT, got, 3), ESP_OK);
    CHECK(got[0] == 0x0C && got[1] == 0x30 && got[2] == 0x00); /* bits are only cleared */
    CHECK_EQ(flash_erase(AT + 1, FLASH_SECTOR), ESP_ERR_INVALID_ARG);
    CHECK_EQ(flash_erase(AT, 100), ESP_ERR_INVALID_ARG);
    CHECK_EQ(flash_read(FIXTURE_SIZE - 2, got, 3), ESP_ERR_INVALID_SIZE);
    CHECK_EQ(flash_write(FIXTURE_SIZE - 2, a, 3), ESP_ERR_INVALID_SIZE);
    CHECK_EQ(flash_write(UINT32_MAX, a, 3), ESP_ERR_INVALID_SIZE);

    unsigned long before = flash_file_ops();
    uint8_t page[600] = {0};
    CHECK_EQ(flash_write(AT + 200, page, 600), ESP_OK); /* 56 + 256 + 256 + 32 bytes */
    CHECK_EQ(flash_erase(AT, 3 * FLASH_SECTOR), ESP_OK);
    CHECK_EQ(flash_file_ops() - before, 4 + 3);
}

static bool all_are(uint32_t addr, size_t len, uint8_t byte)
{
    for (size_t i = 0; i < len; i++) {
        if (fixture_flash[addr + i] != byte) {
            return false;
        }
    }
    return true;
}

static void test_cuts(void)
{
    uint8_t zeros[512] = {0};

    CHECK_EQ(flash_erase(AT, 2 * FLASH_SECTOR), ESP_OK);
    cuts = 0;
    flash_file_cut_after(2, -1, count_cut); /* whole: the second page is not touched */
    CHECK_EQ(flash_write(AT, zeros, 512), ESP_FAIL);
    CHECK(all_are(AT, 256, 0x00) && all_are(AT + 256, 256, 0xFF));
    CHECK_EQ(cuts, 1);

    unsigned long ops = flash_file_ops();
    CHECK_EQ(flash_write(AT + 256, zeros, 1), ESP_FAIL);
    CHECK_EQ(flash_erase(AT, FLASH_SECTOR), ESP_FAIL);
    CHECK_EQ(flash_read(AT, zeros, 1), ESP_FAIL);
    CHECK_EQ(flash_file_ops(), ops);
    CHECK(all_are(AT, 256, 0x00) && all_are(AT + 256, 256, 0xFF));
    CHECK_EQ(cuts, 1);

    flash_file_cut_after(1, 100, count_cut); /* torn write; this also brings the power back */
    CHECK_EQ(flash_write(AT + 256, zeros, 256), ESP_FAIL);
    CHECK(all_are(AT + 256, 100, 0x00) && all_are(AT + 356, 156, 0xFF));

    flash_file_cut_after(2, 300, NULL); /* torn erase of the second sector */
    fixture_flash[AT + FLASH_SECTOR] = fixture_flash[AT + FLASH_SECTOR + 300] = 0x11;
    CHECK_EQ(flash_erase(AT, 2 * FLASH_SECTOR), ESP_FAIL);
    CHECK(all_are(AT, FLASH_SECTOR + 300, 0xFF) && fixture_flash[AT + FLASH_SECTOR + 300] == 0x11);

    flash_file_cut_after(0, 0, NULL);
    CHECK_EQ(flash_erase(AT, 2 * FLASH_SECTOR), ESP_OK);
    CHECK_EQ(cuts, 2);
}

static uint32_t watched_addr;
static size_t watched_len;
static bool watched_erase;

static void watch(uint32_t addr, size_t len, bool is_erase)
{
    watched_addr = addr;
    watched_len = len;
    watched_erase = is_erase;
}

static void test_tears(void)
{
    uint8_t zeros[256] = {0};

    CHECK_EQ(flash_erase(AT, FLASH_SECTOR), ESP_OK);
    flash_file_watch(watch);
    flash_file_tear(FLASH_TEAR_LAST);
    flash_file_cut_after(1, 100, NULL);
    CHECK_EQ(flash_write(AT, zeros, 256), ESP_FAIL);
    CHECK(all_are(AT, 156, 0xFF) && all_are(AT + 156, 100, 0x00));
    CHECK(watched_addr == AT && watched_len == 256 && !watched_erase);

    flash_file_cut_after(1, 100, NULL);
    CHECK_EQ(flash_erase(AT, FLASH_SECTOR), ESP_FAIL);
    CHECK(all_are(AT + 156, 100, 0x00));
    CHECK(watched_addr == AT && watched_len == FLASH_SECTOR && watched_erase);

    flash_file_tear(FLASH_TEAR_BITS);
    flash_file_cut_after(1, 0, NULL);
    CHECK_EQ(flash_write(AT, zeros, 156), ESP_FAIL);
    CHECK(all_are(AT, 156, 0xAA));
    flash_file_cut_after(1, 0, NULL);
    CHECK_EQ(flash_erase(AT, FLASH_SECTOR), ESP_FAIL);
    CHECK(all_are(AT, 156, 0xFF) && all_are(AT + 156, 100, 0x55));

    flash_file_tear(FLASH_TEAR_ZERO);
    flash_file_cut_after(1, 0, NULL);
    CHECK_EQ(flash_erase(AT, FLASH_SECTOR), ESP_FAIL);
    CHECK(all_are(AT, FLASH_SECTOR, 0x00));

    flash_file_cut_after(1, -1, NULL); /* whole all the same */
    CHECK_EQ(flash_erase(AT, FLASH_SECTOR), ESP_FAIL);
    CHECK(all_are(AT, FLASH_SECTOR, 0x00));

    flash_file_watch(NULL);
    flash_file_tear(FLASH_TEAR_FIRST);
    flash_file_cut_after(0, 0, NULL);
    CHECK_EQ(flash_erase(AT, FLASH_SECTOR), ESP_OK);
    CHECK(all_are(AT, FLASH_SECTOR, 0xFF));
}

static void test_readonly_descriptor(void)
{
    uint8_t byte = 0;
    int fd = flash_file_fd_readonly();

    CHECK(fd >= 0);
    CHECK_EQ(pread(fd, &byte, 1, 0x8000), 1);
    CHECK_EQ(byte, 0xAA);
    CHECK_EQ(pwrite(fd, &byte, 1, 0x8000), -1);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--open") == 0) {
        char why[200];
        esp_err_t err = flash_file_open(argv[2], why, sizeof why);
        return err == ESP_ERR_INVALID_STATE && strstr(why, "in use by another board") ? 42 : 1;
    }
    CHECK(argc == 4);
    test_refusals(argv[1], argv[2], argv[3]);
    fixture_case[0] = '\0';
    test_nor();
    test_cuts();
    test_tears();
    test_readonly_descriptor();
    return 0;
}
