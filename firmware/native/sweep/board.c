/*
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "board.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "esp_flash_partitions.h"
#include "nvs_flash.h"

#include "boot_process.h"

#define BOOT_LIMIT_S 20 /* a boot takes some ms; one that takes this long hangs */
#define LOG_BYTES    (256 * 1024)

static struct {
    int flash_fd, log_fd;
    uint8_t *flash;
    struct life *life;
    void (*on_op)(unsigned long number, const struct flash_op *op);
    char log[LOG_BYTES];
} board;

static int memory_file(const char *name, size_t size)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)size) < 0) {
        sweep_failed("%s: %s", name, strerror(errno));
    }
    return fd;
}

static void *map(int fd, size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
    if (at == MAP_FAILED) {
        sweep_failed("mmap: %s", strerror(errno));
    }
    return at;
}

void *board_shared(size_t size)
{
    return map(-1, size);
}

void board_open(const uint8_t *table, size_t len)
{
    char path[40], why[200];

    board.flash_fd = memory_file("flash", BOARD_FLASH_BYTES);
    board.log_fd = memory_file("log", 0);
    board.flash = map(board.flash_fd, BOARD_FLASH_BYTES);
    board.life = board_shared(sizeof *board.life);
    memset(board.flash, 0xFF, BOARD_FLASH_BYTES);
    memcpy(board.flash + ESP_PARTITION_TABLE_OFFSET, table, len);
    snprintf(path, sizeof path, "/proc/self/fd/%d", board.flash_fd);
    if (flash_file_open(path, why, sizeof why) != ESP_OK) {
        sweep_failed("%s", why);
    }
}

uint8_t *board_flash(void)
{
    return board.flash;
}

const char *board_log(void)
{
    ssize_t got = pread(board.log_fd, board.log, LOG_BYTES - 1, 0);

    board.log[got > 0 ? got : 0] = '\0';
    if (ftruncate(board.log_fd, 0) < 0 || lseek(board.log_fd, 0, SEEK_SET) < 0) {
        sweep_failed("log: %s", strerror(errno));
    }
    return board.log;
}

void board_watch(void (*on_op)(unsigned long number, const struct flash_op *op))
{
    board.on_op = on_op;
}

static void count_op(uint32_t addr, size_t len, bool is_erase)
{
    struct life *life = board.life;

    life->ops++;
    life->last_op = (struct flash_op){addr, (uint32_t)len, is_erase};
    if (board.on_op) {
        board.on_op(life->ops, &life->last_op);
    }
}

/* A process that has the flash and this one's clean memory. @return 0 in it, 1 here when it has ended with *status */
static int in_process(int *status)
{
    pid_t parent = getpid(), pid = fork();

    if (pid < 0) {
        sweep_failed("fork: %s", strerror(errno));
    }
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(1);
        }
        alarm(BOOT_LIMIT_S);
        dup2(board.log_fd, STDOUT_FILENO);
        return 0;
    }
    while (waitpid(pid, status, 0) < 0) {
        if (errno != EINTR) {
            sweep_failed("waitpid: %s", strerror(errno));
        }
    }
    return 1;
}

static void run_boot(const struct world *world, const struct cut *cut)
{
    struct life *life = board.life;
    long left = cut->op - (long)life->ops;
    int status;

    life->end = LIFE_DIED;
    if (!in_process(&status)) {
        flash_file_watch(count_op);
        flash_file_tear(cut->tear);
        flash_file_cut_after(cut->op > 0 ? left : 0, cut->torn_bytes, boot_process_power_is_cut);
        boot_process(world, life);
    }
    life->boots++;
    if (WIFSIGNALED(status)) {
        dprintf(board.log_fd, "[killed by signal %d (%s)]\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
    }
}

const struct life *board_live(const struct world *world, const struct cut *cut, unsigned boots)
{
    struct life *life = board.life;

    *life = (struct life){.end = LIFE_RESTARTS};
    while (life->end == LIFE_RESTARTS && life->boots < boots) {
        run_boot(world, cut);
    }
    if (life->end == LIFE_RESTARTS && boots == BOOTS_MAX) {
        life->end = LIFE_ENDLESS;
    }
    return life;
}

void board_write_nvs(void (*write)(const void *arg), const void *arg)
{
    int status;

    if (!in_process(&status)) {
        esp_err_t err = nvs_flash_init();
        if (err != ESP_OK) {
            printf("nvs_flash_init: 0x%x\n", (unsigned)err);
            fflush(stdout);
            _exit(1);
        }
        write(arg);
        _exit(0);
    }
    if (status != 0) {
        sweep_failed("nvs could not be written:\n%s", board_log());
    }
}
