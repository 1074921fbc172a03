/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A program for the board that does what the tests tell it to, over the serial line: one command a line, one line of
 * answer. Stands on board_link.h alone, so that the supervisor is tested without anything else of the native board.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "board_link.h"

static struct board_reply call(const struct board_request *request, size_t size)
{
    struct board_reply reply = {.err = -999};
    if (send(BOARD_FD_LINK, request, size, 0) < 0 || recv(BOARD_FD_LINK, &reply, sizeof(reply), 0) < 0) {
        reply.err = -998;
    }
    return reply;
}

static void hello(void)
{
    struct board_request request = {.op = BOARD_OP_HELLO};
    struct board_hello hello = call(&request, BOARD_REQUEST_HEAD).hello;
    printf("hello reason=%u heap=%u flash=%u app_offset=0x%x app_size=0x%x seed=%u mac=%02x:%02x:%02x:%02x:%02x:%02x\n",
           hello.reset_reason, hello.heap_bytes, hello.flash_bytes, hello.app_offset, hello.app_size, hello.seed,
           hello.mac[0], hello.mac[1], hello.mac[2], hello.mac[3], hello.mac[4], hello.mac[5]);
}

static void ask_without_reply(uint32_t op, uint32_t arg)
{
    struct board_request request = {.op = op, .arg = arg};
    send(BOARD_FD_LINK, &request, BOARD_REQUEST_HEAD, 0);
    pause();
}

static void erase(uint32_t addr, uint32_t len)
{
    struct board_request request = {.op = BOARD_OP_FLASH_ERASE, .addr = addr, .len = len};
    printf("erase %d\n", call(&request, BOARD_REQUEST_HEAD).err);
}

static void write_flash(uint32_t addr, uint32_t len, unsigned byte)
{
    struct board_request request = {.op = BOARD_OP_FLASH_WRITE, .addr = addr, .len = len};
    memset(request.data, (int)byte, sizeof(request.data));
    size_t size = BOARD_REQUEST_HEAD + (len < BOARD_LINK_DATA ? len : BOARD_LINK_DATA);
    printf("write %d\n", call(&request, size).err);
}

static void read_flash(uint32_t addr, uint32_t len)
{
    unsigned char bytes[256];
    ssize_t got = pread(BOARD_FD_FLASH, bytes, len < sizeof(bytes) ? len : sizeof(bytes), addr);
    printf("read ");
    for (ssize_t i = 0; i < got; i++) {
        printf("%02x", bytes[i]);
    }
    printf("\n");
}

/* Requests that make no sense: each must be answered with an error, and the next good one be served. */
static void malformed(void)
{
    struct board_request request = {.op = BOARD_OP_FLASH_WRITE, .addr = 0x10000, .len = 64};
    int lie = call(&request, BOARD_REQUEST_HEAD + 3).err;
    int headless = call(&request, 3).err;
    request.op = 12345;
    int unknown = call(&request, BOARD_REQUEST_HEAD).err;
    request.op = BOARD_OP_FLASH_ERASE;
    request.addr = 0xFFFFF000;
    request.len = 0x10000;
    int beyond = call(&request, BOARD_REQUEST_HEAD).err;
    printf("malformed lie=%d headless=%d unknown=%d beyond=%d\n", lie, headless, unknown, beyond);
}

/* Asks until nothing more is taken, and only then listens. */
static void ask_first_listen_later(void)
{
    struct board_request request = {.op = BOARD_OP_HELLO};
    struct board_reply reply;
    struct pollfd room = {.fd = BOARD_FD_LINK, .events = POLLOUT};
    unsigned asked = 0, answered = 0;
    while (poll(&room, 1, 300) > 0) {
        asked += send(BOARD_FD_LINK, &request, BOARD_REQUEST_HEAD, MSG_DONTWAIT) > 0;
    }
    printf("asked %u\n", asked);
    while (answered < asked && recv(BOARD_FD_LINK, &reply, sizeof(reply), 0) == sizeof(reply) &&
           reply.hello.reset_reason != 0) {
        answered++;
    }
    printf("answered %u\n", answered);
}

static void await_stopped(pid_t pid)
{
    char path[32], state = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    while (state != 'T') { /* there is no event for that */
        FILE *file = fopen(path, "r");
        if (file == NULL || fscanf(file, "%*d (%*[^)]) %c", &state) != 1) {
            _exit(1);
        }
        fclose(file);
        usleep(1000);
    }
}

static void fork_two(void)
{
    pid_t in_group = fork();
    if (in_group == 0) {
        signal(SIGTERM, SIG_IGN);
        for (;;) {
            pause();
        }
    }
    pid_t stray = fork();
    if (stray == 0) {
        setsid();
        for (;;) {
            pause();
        }
    }
    printf("forked %d %d\n", (int)in_group, (int)stray);
}

static void list_descriptors(void)
{
    printf("descriptors");
    for (int fd = 0; fd < 256; fd++) {
        if (fcntl(fd, F_GETFD) >= 0) {
            printf(" %d", fd);
        }
    }
    printf(" flash_mode=%d\n", fcntl(BOARD_FD_FLASH, F_GETFL) & O_ACCMODE);
}

static void list_signals(void)
{
    sigset_t blocked;
    struct sigaction pipe_action;
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    sigaction(SIGPIPE, NULL, &pipe_action);
    printf("signals term_blocked=%d pipe_default=%d\n", sigismember(&blocked, SIGTERM),
           pipe_action.sa_handler == SIG_DFL);
}

/* Numbered lines of 64 bytes, each written by itself. */
static void speak(unsigned lines)
{
    char line[65];
    for (unsigned i = 0; i < lines; i++) {
        snprintf(line, sizeof(line), "flood %010u %.*s\n", i, 46, "..............................................");
        if (write(STDOUT_FILENO, line, 64) != 64) {
            _exit(1);
        }
    }
}

static void close_everything(void)
{
    for (int fd = 0; fd < 256; fd++) {
        close(fd);
    }
    for (;;) {
        pause();
    }
}

static void obey(char *line)
{
    char word[32] = "";
    unsigned a = 0, b = 0, c = 0;
    sscanf(line, "%31s %i %i %i", word, (int *)&a, (int *)&b, (int *)&c);
    if (strcmp(word, "hello") == 0) {
        hello();
    } else if (strcmp(word, "reset") == 0) {
        ask_without_reply(BOARD_OP_RESET, a);
    } else if (strcmp(word, "exit") == 0) {
        ask_without_reply(BOARD_OP_EXIT, a);
    } else if (strcmp(word, "return") == 0) {
        exit((int)a);
    } else if (strcmp(word, "raise") == 0) {
        signal((int)a, SIG_DFL);
        raise((int)a);
    } else if (strcmp(word, "reset_and_die") == 0) {
        struct board_request request = {.op = BOARD_OP_RESET, .arg = a};
        printf("soon\n");
        await_stopped(getppid()); /* the supervisor, by the test */
        send(BOARD_FD_LINK, &request, BOARD_REQUEST_HEAD, 0);
        _exit(9);
    } else if (strcmp(word, "erase") == 0) {
        erase(a, b);
    } else if (strcmp(word, "write") == 0) {
        write_flash(a, b, c);
    } else if (strcmp(word, "read") == 0) {
        read_flash(a, b);
    } else if (strcmp(word, "malformed") == 0) {
        malformed();
    } else if (strcmp(word, "ask_first") == 0) {
        ask_first_listen_later();
    } else if (strcmp(word, "fork") == 0) {
        fork_two();
    } else if (strcmp(word, "descriptors") == 0) {
        list_descriptors();
    } else if (strcmp(word, "signals") == 0) {
        list_signals();
    } else if (strcmp(word, "flood") == 0) {
        speak(UINT32_MAX);
    } else if (strcmp(word, "burst") == 0) {
        speak(a);
        printf("burst done\n");
    } else if (strcmp(word, "close") == 0) {
        close_everything();
    } else {
        printf("echo %s\n", line);
    }
}

int main(int argc, char **argv)
{
    char line[1024];

    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGTERM, SIG_IGN); /* a board does not ask its program whether it likes to end */
    signal(SIGINT, SIG_IGN);
    printf("program %d%s%s\n", (int)getpid(), argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
    if (argc > 1 && strcmp(argv[1], "crash-at-once") == 0) {
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
    }
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        obey(line);
    }
    printf("stdin ended\n");
    pause();
    return 0;
}
