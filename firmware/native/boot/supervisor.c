/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Power, reset and boot of the board, and the loop. The program may die in any way; what happens then is decided here.
 *
 * A boot waits until the serial line has taken all that the last program said, so that the lines of two boots never
 * mix, and until boot_not_before_ms, so that a program that dies at once does not keep the runner busy.
 */
#define _GNU_SOURCE
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "board_clock.h"
#include "diagnostics.h"
#include "esp_image_check.h"
#include "flash_file.h"
#include "rom_log.h"

/* From one start to the next, at least, and after a death that nobody asked for. */
#define BOOT_HOLD_MS 100

/* A board without a bootable app tries again for ever; a chip's attempt takes about this long. */
#define NO_APP_HOLD_MS 1000

static struct supervisor *board_with_cut; /* flash_file's callback has no argument */

void supervisor_end(struct supervisor *board, int exit_code)
{
    if (!board->ending) {
        board->ending = true;
        board->exit_code = exit_code;
    }
}

static void end_program(struct supervisor *board)
{
    if (board->program.pid > 0) {
        board->end_asked = true;
        program_kill(&board->program);
    }
}

void supervisor_power(struct supervisor *board, bool on)
{
    if (on == board->powered) {
        return;
    }
    board->powered = on;
    if (on) {
        flash_file_cut_after(0, -1, NULL);
        board->reason = BOARD_RESET_POWERON;
        board->boot_not_before_ms = 0;
    } else {
        end_program(board);
    }
}

bool supervisor_reset(struct supervisor *board, enum board_reset reason)
{
    if (!board->powered) {
        return false;
    }
    board->reason = reason;
    end_program(board);
    return true;
}

static void cut_power(void)
{
    supervisor_power(board_with_cut, false);
}

void supervisor_cut_after(struct supervisor *board, long ops, long torn_bytes)
{
    board_with_cut = board;
    flash_file_cut_after(ops, torn_bytes, cut_power);
}

/* Returns a descriptor of the program to run, -1 when there is none. */
static int choose_program(struct supervisor *board, int64_t began_ms)
{
    uint32_t elf_addr, elf_len;

    if (board->program_fd >= 0) {
        rom_log_line(&board->serial, 'I', began_ms, "the program was given with --program");
        return fcntl(board->program_fd, F_DUPFD_CLOEXEC, 0);
    }
    boot_select(&board->choice);
    rom_log_choice(&board->serial, &board->choice, began_ms);
    if (!board->choice.ok || !board->powered) { /* its writes to otadata can be cut, too */
        return -1;
    }
    if (esp_image_elf(board->choice.offset, &elf_addr, &elf_len) != ESP_OK) {
        rom_log_line(&board->serial, 'E', began_ms, "the image holds no program for the native board");
        return -1;
    }
    return program_load(elf_addr, elf_len);
}

static void boot(struct supervisor *board)
{
    char *const flash_argv[] = {"app", NULL};
    int64_t began_ms = clock_now_ms();
    int from_program, to_program;

    rom_log_reset(&board->serial, board->reason);
    int elf_fd = choose_program(board, began_ms);
    if (elf_fd < 0) {
        board->reason = BOARD_RESET_SW;
        board->boot_not_before_ms = clock_now_ms() + NO_APP_HOLD_MS;
        return;
    }
    struct program_image image = {elf_fd, board->options->program_path ? board->options->program_argv : flash_argv};
    int error = program_start(&board->program, &image, flash_file_fd_readonly(), &from_program, &to_program);
    close(elf_fd);
    if (error != 0) {
        diagnose("the program does not start (%s): see that it is an ELF for this machine", strerror(error));
        if (board->options->program_path) {
            supervisor_end(board, EXIT_NO_START);
        }
        board->reason = BOARD_RESET_UNKNOWN;
        board->boot_not_before_ms = clock_now_ms() + NO_APP_HOLD_MS;
        return;
    }
    board->boots++;
    serial_attach(&board->serial, from_program, to_program);
    network_attach(&board->network, board->program.net_fd);
    link_attach(&board->link, board->program.link_fd);
}

static bool is_fault(int status)
{
    int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE || signal == SIGABRT ||
           signal == SIGTRAP || signal == SIGSYS;
}

static void program_ended(struct supervisor *board, int64_t started_ms, int status)
{
    network_attach(&board->network, -1);
    link_attach(&board->link, -1);
    serial_program_ended(&board->serial);
    if (board->end_asked) {
        board->boot_not_before_ms = started_ms + BOOT_HOLD_MS;
    } else if (board->options->program_path && WIFEXITED(status)) {
        supervisor_end(board, WEXITSTATUS(status)); /* a test program has returned from main(); a board's never does */
    } else {
        board->reason = is_fault(status) ? BOARD_RESET_PANIC : BOARD_RESET_UNKNOWN;
        board->boot_not_before_ms = clock_now_ms() + BOOT_HOLD_MS;
    }
    board->end_asked = false;
}

static void take_signals(struct supervisor *board, int signals_fd)
{
    struct signalfd_siginfo info;
    while (read(signals_fd, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo != SIGCHLD) {
            supervisor_end(board, EXIT_ENDED);
        }
    }
    int64_t started_ms = board->program.started_ms;
    int status;
    if (program_reap(&board->program, &status)) {
        program_ended(board, started_ms, status);
    }
}

/* Boots when all is ready for it; otherwise makes sure that the loop wakes in time. */
static void boot_when_due(struct supervisor *board, struct poll_set *set)
{
    if (board->program.pid > 0) {
        return;
    }
    if (!board->serial.program_drained) {
        serial_program_ended(&board->serial);
    }
    if (!board->powered || !serial_is_quiet(&board->serial)) {
        return; /* when the line moves again, the loop turns */
    }
    int64_t wait_ms = board->boot_not_before_ms - clock_now_ms();
    if (wait_ms > 0) {
        poll_set_wake_within(set, wait_ms);
        return;
    }
    boot(board);
    poll_set_wake_within(set, 0);
}

void supervisor_loop(struct supervisor *board, int signals_fd)
{
    struct poll_set set = {0};

    while (!board->ending) {
        set.count = 0;
        set.timeout_ms = UINT32_MAX;
        boot_when_due(board, &set);
        int signals_place = poll_set_add(&set, signals_fd, POLLIN);
        serial_poll_add(&board->serial, &set);
        link_poll_add(&board->link, &set);
        control_poll_add(&board->control, &set);
        network_poll_add(&board->network, &set);

        int ready = poll(set.fds, (nfds_t)set.count, set.timeout_ms == UINT32_MAX ? -1 : (int)set.timeout_ms);
        if (ready < 0 && errno != EINTR) {
            diagnose("poll: %s: this is a fault of native-board", strerror(errno));
            supervisor_end(board, EXIT_NO_START);
        }
        if (!serial_poll_done(&board->serial, &set)) {
            supervisor_end(board, EXIT_ENDED);
        }
        /* The link before the signals: a program that asks for a reset and dies has asked for a reset. */
        link_poll_done(&board->link, board, &set);
        network_poll_done(&board->network, &set, ready < 0);
        control_poll_done(&board->control, board, &set);
        if (poll_set_result(&set, signals_place)) {
            take_signals(board, signals_fd);
        }
    }
    free(set.fds);
}
