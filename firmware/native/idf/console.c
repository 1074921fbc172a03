/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The serial line, and the part of stdio that writes to it (the linker sends it here with --wrap): a line that a task
 * prints arrives whole, and a task that is deleted while it prints leaves no stdio lock behind.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "console.h"
#include "native_kernel.h"

#define SEIZE_TIMEOUT_MS 200

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards buffer and the order of writes */
static char buffer[4096];
static atomic_bool seized;
static __thread bool locked_by_me;
static __thread bool seized_by_me;

void *__real_malloc(size_t size);
void __real_free(void *ptr);
int __real_vfprintf(FILE *stream, const char *format, va_list args);
int __real_fputs(const char *text, FILE *stream);
int __real_fputc(int c, FILE *stream);
size_t __real_fwrite(const void *data, size_t size, size_t n, FILE *stream);
int __wrap_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
int __wrap_vprintf(const char *format, va_list args);
int __wrap_fprintf(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __wrap_vfprintf(FILE *stream, const char *format, va_list args);
int __wrap_puts(const char *text);
int __wrap_putchar(int c);
int __wrap_fputs(const char *text, FILE *stream);
int __wrap_fputc(int c, FILE *stream);
int __wrap_putc(int c, FILE *stream);
size_t __wrap_fwrite(const void *data, size_t size, size_t n, FILE *stream);

static void lock_console(void)
{
    if (seized_by_me) {
        return;
    }
    kernel_hold();
    pthread_mutex_lock(&lock);
    if (atomic_load(&seized)) {
        pthread_mutex_unlock(&lock);
        for (;;) {
            pause();
        }
    }
    locked_by_me = true;
}

static void unlock_console(void)
{
    if (seized_by_me) {
        return;
    }
    locked_by_me = false;
    pthread_mutex_unlock(&lock);
    kernel_release();
}

void console_seize(void)
{
    /* If this thread crashed while it was printing, the lock is its own; otherwise let a running line end. */
    if (!locked_by_me && !seized_by_me) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += SEIZE_TIMEOUT_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        bool locked = pthread_mutex_timedlock(&lock, &until) == 0;
        atomic_store(&seized, true);
        if (locked) {
            pthread_mutex_unlock(&lock);
        }
    }
    atomic_store(&seized, true);
    seized_by_me = true;
}

static void write_all(const char *data, size_t len)
{
    while (len > 0) {
        ssize_t written = write(STDOUT_FILENO, data, len);
        if (written < 0) {
            if (errno == EINTR) {
                continue;
            }
            return; /* nobody holds the other end: as with a serial line, the bytes are lost */
        }
        data += written;
        len -= (size_t)written;
    }
}

void console_write(const void *data, size_t len)
{
    lock_console();
    write_all(data, len);
    unlock_console();
}

int console_vprintf(const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    lock_console();
    int len = vsnprintf(buffer, sizeof(buffer), format, args);
    if (len >= (int)sizeof(buffer)) {
        char *large = __real_malloc((size_t)len + 1); /* not from the heap: printing must not change what it reports */
        if (large != NULL) {
            vsnprintf(large, (size_t)len + 1, format, again);
            write_all(large, (size_t)len);
            __real_free(large);
        }
    } else if (len > 0) {
        write_all(buffer, (size_t)len);
    }
    unlock_console();
    va_end(again);
    return len;
}

static bool is_console(FILE *stream)
{
    return stream == stdout || stream == stderr;
}

int __wrap_vprintf(const char *format, va_list args)
{
    return console_vprintf(format, args);
}

int __wrap_printf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = console_vprintf(format, args);
    va_end(args);
    return len;
}

int __wrap_vfprintf(FILE *stream, const char *format, va_list args)
{
    return is_console(stream) ? console_vprintf(format, args) : __real_vfprintf(stream, format, args);
}

int __wrap_fprintf(FILE *stream, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = __wrap_vfprintf(stream, format, args);
    va_end(args);
    return len;
}

int __wrap_puts(const char *text)
{
    return __wrap_printf("%s\n", text);
}

int __wrap_putchar(int c)
{
    char byte = (char)c;
    console_write(&byte, 1);
    return (unsigned char)c;
}

int __wrap_fputs(const char *text, FILE *stream)
{
    if (!is_console(stream)) {
        return __real_fputs(text, stream);
    }
    console_write(text, strlen(text));
    return 0;
}

int __wrap_fputc(int c, FILE *stream)
{
    return is_console(stream) ? __wrap_putchar(c) : __real_fputc(c, stream);
}

int __wrap_putc(int c, FILE *stream)
{
    return __wrap_fputc(c, stream);
}

size_t __wrap_fwrite(const void *data, size_t size, size_t n, FILE *stream)
{
    if (!is_console(stream)) {
        return __real_fwrite(data, size, n, stream);
    }
    console_write(data, size * n);
    return n;
}
