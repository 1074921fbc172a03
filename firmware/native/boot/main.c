/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * native-board: one board as one command. Opens the parts, runs the board, closes the parts in every case.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "diagnostics.h"
#include "flash_file.h"
#include "scratch_flash.h"
#include "supervisor.h"

/* For a reader that still reads: the last bytes of a test program come before its exit code. */
#define LAST_BYTES_MS 1000

static struct supervisor board;

static int open_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool open_flash(const char *path, char *why, size_t why_size)
{
    char in_memory[32];
    if (path != NULL) {
        return flash_file_open(path, why, why_size) == ESP_OK;
    }
    int fd = scratch_flash_create();
    if (fd < 0) {
        snprintf(why, why_size, "no memory for a flash of 4 MB: free some");
        return false;
    }
    snprintf(in_memory, sizeof(in_memory), "/proc/self/fd/%d", fd);
    bool opened = flash_file_open(in_memory, why, why_size) == ESP_OK;
    close(fd);
    return opened;
}

static bool open_program(const char *path, char *why, size_t why_size)
{
    struct stat info;
    board.program_fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (path == NULL) {
        return true;
    }
    if (board.program_fd < 0 || fstat(board.program_fd, &info) != 0 || !S_ISREG(info.st_mode) ||
        faccessat(board.program_fd, "", X_OK, AT_EMPTY_PATH) != 0) {
        snprintf(why, why_size, "--program %s: %s: give an executable ELF file", path,
                 board.program_fd < 0 ? strerror(errno) : "not an executable file");
        return false;
    }
    return true;
}

/* The control socket comes last: whoever sees it can use the board. */
static bool open_parts(const struct options *options, char *why, size_t why_size)
{
    return open_flash(options->flash_path, why, why_size) && open_program(options->program_path, why, why_size) &&
           network_open(&board.network, options, why, why_size) &&
           serial_open(&board.serial, options->serial, options->lifeline, why, why_size) &&
           control_open(&board.control, options->control_path, why, why_size);
}

static void close_parts(void)
{
    program_end(&board.program);
    serial_flush(&board.serial, LAST_BYTES_MS);
    control_close(&board.control);
    network_close(&board.network);
    serial_close(&board.serial);
    flash_file_close();
}

int main(int argc, char **argv)
{
    struct options options;
    char why[512] = "";
    int exit_code;

    if (!options_parse(&options, argc, argv, &exit_code)) {
        return exit_code;
    }
    /* A descriptor 0 to 2 that is closed would be taken by one of ours, and written to as stdout. */
    while ((exit_code = open("/dev/null", O_RDWR)) >= 0 && exit_code <= STDERR_FILENO) {
    }
    close(exit_code);
    int signals_fd = open_signals();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    board.options = &options;
    board.program = (struct program){.net_fd = -1, .link_fd = -1};
    link_attach(&board.link, -1);
    if (!open_parts(&options, why, sizeof(why))) {
        diagnose("%s", why);
        exit_code = EXIT_NO_START;
    } else {
        supervisor_power(&board, true);
        supervisor_loop(&board, signals_fd);
        exit_code = board.exit_code;
    }
    close_parts();
    return exit_code;
}
