/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * fork, descriptors, fexecve, kill, wait. The child gets the descriptors 0 to 5 and no other, default signals, and
 * SIGKILL when the supervisor dies in whatever way.
 */
#define _GNU_SOURCE
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "board_clock.h"
#include "board_link.h"
#include "flash.h"

#define FIRST_FREE_FD (BOARD_FD_FLASH + 1)

extern char **environ;

struct ends {
    int serial_in[2], serial_out[2], net[2], link[2], failure[2];
};

int program_load(uint32_t addr, uint32_t size)
{
    uint8_t block[16384];
    int fd = memfd_create("native-app", MFD_CLOEXEC);
    for (uint32_t done = 0; fd >= 0 && done < size;) {
        uint32_t len = size - done < sizeof(block) ? size - done : (uint32_t)sizeof(block);
        if (flash_read(addr + done, block, len) != ESP_OK || write(fd, block, len) != (ssize_t)len) {
            close(fd);
            return -1;
        }
        done += len;
    }
    return fd;
}

static void close_pair(int pair[2])
{
    for (int i = 0; i < 2; i++) {
        if (pair[i] >= 0) {
            close(pair[i]);
        }
    }
}

static void close_ends(struct ends *ends)
{
    int error = errno;
    close_pair(ends->serial_in);
    close_pair(ends->serial_out);
    close_pair(ends->net);
    close_pair(ends->link);
    close_pair(ends->failure);
    errno = error;
}

static bool open_ends(struct ends *ends)
{
    *ends = (struct ends){{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
    if (pipe2(ends->serial_in, O_CLOEXEC) == 0 && pipe2(ends->serial_out, O_CLOEXEC) == 0 &&
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends->net) == 0 &&
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends->link) == 0 &&
        pipe2(ends->failure, O_CLOEXEC) == 0) {
        return true;
    }
    close_ends(ends);
    return false;
}

/* Puts fds[i] at number i. First out of the way of each other, so that no dup2() closes one still to be placed. */
static bool place_descriptors(int *fds, int count)
{
    for (int i = 0; i < count; i++) {
        fds[i] = fcntl(fds[i], F_DUPFD, count);
        if (fds[i] < 0) {
            return false;
        }
    }
    for (int i = 0; i < count; i++) {
        if (dup2(fds[i], i) < 0) {
            return false;
        }
    }
    return true;
}

static void become_program(const struct program_image *image, const struct ends *ends, int flash_fd, pid_t parent)
{
    enum {
        ELF = FIRST_FREE_FD,
        FAILURE,
        COUNT
    };
    int fds[COUNT] = {ends->serial_in[0], ends->serial_out[1], ends->serial_out[1], ends->net[1], ends->link[1],
                      flash_fd,           image->elf_fd,       ends->failure[1]};
    sigset_t none;

    /* A group of its own: Ctrl-C is for the supervisor, and what the program forks can be killed with it. */
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(1); /* the supervisor died before prctl() */
    }
    for (int i = 1; i < NSIG; i++) {
        signal(i, SIG_DFL);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* a panic is printed; it leaves no file behind */
    if (place_descriptors(fds, COUNT)) {
        fcntl(ELF, F_SETFD, FD_CLOEXEC);
        fcntl(FAILURE, F_SETFD, FD_CLOEXEC);
        close_range(COUNT, ~0u, 0);
        fexecve(ELF, image->argv, environ);
    }
    int error = errno;
    (void)!write(FAILURE, &error, sizeof(error));
    _exit(127);
}

int program_start(struct program *program, const struct program_image *image, int flash_fd, int *from_program,
                  int *to_program)
{
    struct ends ends;
    int error = 0, status;
    pid_t parent = getpid();

    if (!open_ends(&ends)) {
        return errno;
    }
    pid_t pid = fork();
    if (pid < 0) {
        close_ends(&ends);
        return errno;
    }
    if (pid == 0) {
        become_program(image, &ends, flash_fd, parent);
    }
    setpgid(pid, pid); /* here as well: whoever comes first, it is done before the first kill */
    close(ends.failure[1]);
    ends.failure[1] = -1;
    if (read(ends.failure[0], &error, sizeof(error)) == sizeof(error)) { /* otherwise closed by the exec */
        waitpid(pid, &status, 0);
        close_ends(&ends);
        return error;
    }
    *from_program = ends.serial_out[0];
    *to_program = ends.serial_in[1];
    *program = (struct program){pid, ends.net[0], ends.link[0], clock_now_ms()};
    ends.serial_out[0] = ends.serial_in[1] = ends.net[0] = ends.link[0] = -1;
    close_ends(&ends);
    return 0;
}

void program_kill(const struct program *program)
{
    if (program->pid > 0) {
        kill(program->pid, SIGKILL); /* should it have left its group */
        kill(-program->pid, SIGKILL);
    }
}

/* Kills one process that has become our child by its parent's death. Returns false when there is none left. */
static bool kill_stray(void)
{
    char first[16], path[64];
    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    size_t len = fread(first, 1, sizeof(first) - 1, file);
    fclose(file);
    first[len] = '\0';
    pid_t pid = (pid_t)strtol(first, NULL, 10);
    return pid > 0 && kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid;
}

/*
 * The supervisor is a subreaper: what the program has forked becomes its child, one generation after the other. The
 * kill of the group has ended most of it already; this finds what has left the group.
 */
static void kill_strays(void)
{
    while (kill_stray()) {
    }
}

static void forget(struct program *program)
{
    kill(-program->pid, SIGKILL);
    close(program->net_fd);
    close(program->link_fd);
    *program = (struct program){.net_fd = -1, .link_fd = -1};
}

bool program_reap(struct program *program, int *status)
{
    bool ended = false;
    int its_status;
    for (pid_t pid; (pid = waitpid(-1, &its_status, WNOHANG)) > 0;) {
        if (pid == program->pid) {
            *status = its_status;
            forget(program);
            ended = true;
        }
    }
    if (ended) {
        kill_strays();
    }
    return ended;
}

void program_end(struct program *program)
{
    if (program->pid > 0) {
        program_kill(program);
        waitpid(program->pid, NULL, 0);
        forget(program);
        kill_strays();
    }
}
