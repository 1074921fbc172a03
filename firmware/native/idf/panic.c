/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a chip does when its program fails: say so on the serial line in ESP-IDF's words, then reset.
 *
 * Nothing here takes a lock that the failing code may hold, nor memory from the heap.
 */
#include <assert.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#include "board_link_client.h"
#include "console.h"
#include "esp_debug_helpers.h"
#include "esp_system.h"
#include "native_kernel.h"
#include "panic.h"

#define MAX_FRAMES          64
#define LIBRARY_STACK_BYTES 16384
#define SHA_HEX_DIGITS      16 /* of the ELF file's SHA-256 */

void board_assert_failed(const char *file, int line, const char *function, const char *expression)
    __attribute__((noreturn));
void __wrap_abort(void) __attribute__((noreturn));
extern int esp_app_get_elf_sha256(char *dst, size_t size) __attribute__((weak)); /* images have it, tests need not */

struct frame {
    uintptr_t pc;
    uintptr_t sp;
    uintptr_t fp;
};

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (len > 0) {
        console_write(text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1);
    }
}

/* Through the kernel, which answers EFAULT where a load would fault again. */
static bool read_words(uintptr_t from, uintptr_t words[2])
{
    struct iovec local = {.iov_base = words, .iov_len = 2 * sizeof(words[0])};
    struct iovec remote = {.iov_base = (void *)from, .iov_len = 2 * sizeof(words[0])};
    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)local.iov_len;
}

extern const char __executable_start, etext; /* the linker's names for the bounds of the program's own code */

static bool is_own_code(uintptr_t address)
{
    return address >= (uintptr_t)&__executable_start && address < (uintptr_t)&etext;
}

/* Libraries of the system keep no frame pointers. From a fault in one of them, goes to the next frame that is ours. */
static void leave_library(struct frame *frame)
{
    uintptr_t words[2];
    if (!read_words(frame->sp, words)) {
        return;
    }
    if (is_own_code(words[0])) { /* a function without a frame, as memcpy() is: the return address is on top */
        frame->pc = words[0] - 1;
        frame->sp += sizeof(uintptr_t);
        return;
    }
    for (uintptr_t at = frame->sp; at < frame->sp + LIBRARY_STACK_BYTES && read_words(at, words); at += sizeof(at)) {
        if (is_own_code(words[1]) && words[0] > at && words[0] < at + LIBRARY_STACK_BYTES) {
            frame->pc = words[1] - 1;
            frame->sp = at + sizeof(words);
            frame->fp = words[0];
            return;
        }
    }
}

static bool next_frame(struct frame *frame)
{
    uintptr_t words[2]; /* the caller's frame pointer, the return address */
    if (frame->fp == 0 || (frame->fp & 7) != 0 || !read_words(frame->fp, words)) {
        return false;
    }
    if (words[0] != 0 && words[0] <= frame->fp) {
        words[0] = 0; /* not a frame further up: whatever this was, it ends here */
    }
    frame->pc = words[1] - 1; /* in the call, not behind it */
    frame->sp = frame->fp + 2 * sizeof(uintptr_t);
    frame->fp = words[0];
    return words[1] != 0;
}

static void print_backtrace(struct frame frame, int depth)
{
    say("Backtrace:");
    if (!is_own_code(frame.pc)) {
        say(" 0x%08" PRIxPTR ":0x%08" PRIxPTR, frame.pc, frame.sp);
        leave_library(&frame);
    }
    do {
        say(" 0x%08" PRIxPTR ":0x%08" PRIxPTR, frame.pc, frame.sp);
    } while (--depth > 0 && next_frame(&frame));
    say("\n");
}

static __attribute__((noinline)) struct frame here(void)
{
    struct frame frame = {.fp = (uintptr_t)__builtin_frame_address(0)};
    next_frame(&frame);
    return frame;
}

esp_err_t esp_backtrace_print(int depth)
{
    if (depth <= 0) {
        return ESP_ERR_INVALID_ARG;
    }
    say("\n\n");
    print_backtrace(here(), depth);
    return ESP_OK;
}

static void seize_board(void)
{
    static atomic_int panics;
    static __thread bool mine;
    if (atomic_fetch_add(&panics, 1) > 0) {
        if (mine) {
            console_seize();
            say("\nPanic handler entered multiple times. Abort panic handling. Rebooting ...\n");
            board_link_reset(BOARD_RESET_PANIC);
        }
        for (;;) {
            pause(); /* another thread is the one that panics */
        }
    }
    mine = true;
    kernel_hold(); /* a task that panics is not deleted meanwhile */
    console_seize();
}

static void end_panic(struct frame frame) __attribute__((noreturn));

static void end_panic(struct frame frame)
{
    char sha[SHA_HEX_DIGITS + 1] = "0000000000000000";
    if (esp_app_get_elf_sha256 != NULL) {
        esp_app_get_elf_sha256(sha, sizeof(sha));
    }
    say("\n\n");
    print_backtrace(frame, MAX_FRAMES);
    say("\n\n\n\nELF file SHA256: %s\n\nRebooting...\n", sha);
    board_link_reset(BOARD_RESET_PANIC);
}

void esp_system_abort(const char *details)
{
    seize_board();
    say("\n%s\n", details);
    end_panic(here());
}

void board_assert_failed(const char *file, int line, const char *function, const char *expression)
{
    seize_board();
    say("\nassert failed: %s %s:%d (%s)\n", function, file, line, expression);
    end_panic(here());
}

/* libc's assert() calls this; ours comes first in the link. */
void __assert_fail(const char *expression, const char *file, unsigned int line, const char *function)
{
    seize_board();
    say("\nassert failed: %s %s:%u (%s)\n", function, file, line, expression);
    end_panic(here());
}

void __wrap_abort(void)
{
    struct frame frame = here();
    seize_board();
    say("\nabort() was called at PC 0x%08" PRIxPTR " on core 0\n", frame.pc);
    end_panic(frame);
}

static const char *cause_of(int signal_number, const ucontext_t *context)
{
    switch (signal_number) {
    case SIGILL:
        return "IllegalInstruction";
    case SIGFPE:
        return "IntegerDivideByZero";
    case SIGBUS:
        return "LoadStoreError";
    default:
        break;
    }
#ifdef __x86_64__
    /* The processor's page fault error code: bit 1 = write, bit 4 = instruction fetch. */
    greg_t error = context->uc_mcontext.gregs[REG_ERR];
    if ((error & 0x10) != 0) {
        return "InstrFetchProhibited";
    }
    return (error & 2) != 0 ? "StoreProhibited" : "LoadProhibited";
#else
    (void)context;
    return "LoadProhibited";
#endif
}

static void on_fault(int signal_number, siginfo_t *info, void *context_ptr)
{
    const ucontext_t *context = context_ptr;
    struct frame frame;
#ifdef __x86_64__
    const greg_t *regs = context->uc_mcontext.gregs;
    frame = (struct frame){(uintptr_t)regs[REG_RIP], (uintptr_t)regs[REG_RSP], (uintptr_t)regs[REG_RBP]};
#elif defined(__aarch64__)
    frame = (struct frame){context->uc_mcontext.pc, context->uc_mcontext.sp, context->uc_mcontext.regs[29]};
#else
#error "the panic handler does not know the registers of this processor"
#endif
    seize_board();
    if (signal_number == SIGABRT) { /* libc gave up: a broken stack protector, its own heap */
        say("\nabort() was called at PC 0x%08" PRIxPTR " on core 0\n", frame.pc);
    } else {
        say("\nGuru Meditation Error: Core  0 panic'ed (%s). Exception was unhandled.\n\n",
            cause_of(signal_number, context));
        say("Core  0 register dump:\nPC      : 0x%08" PRIxPTR "  SP      : 0x%08" PRIxPTR "  FP      : 0x%08" PRIxPTR
            "  EXCVADDR: 0x%08" PRIxPTR "\n",
            frame.pc, frame.sp, frame.fp, (uintptr_t)info->si_addr);
    }
    end_panic(frame);
}

void panic_init(void)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        sigaction(faults[i], &action, NULL);
    }
}

#ifdef __SANITIZE_ADDRESS__
const char *__asan_default_options(void);

/* Tasks have signal stacks of their own; and a program that ends by reset leaves everything behind. */
const char *__asan_default_options(void)
{
    return "use_sigaltstack=0:detect_leaks=0";
}
#endif
