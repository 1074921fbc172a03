/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * One numbering of descriptors for a program, as ESP-IDF's VFS gives it: lwIP's sockets have the highest numbers, all
 * others (serial line, link) are the host's. The linker sends these libc calls here (--wrap).
 */
#include <stdarg.h>

#include "lwip/sockets.h"

int __real_close(int fd);
ssize_t __real_read(int fd, void *buf, size_t len);
ssize_t __real_write(int fd, const void *buf, size_t len);
ssize_t __real_readv(int fd, const struct iovec *iov, int count);
ssize_t __real_writev(int fd, const struct iovec *iov, int count);
int __real_fcntl(int fd, int cmd, ...);
int __real_ioctl(int fd, unsigned long request, ...);
int __real_select(int nfds, fd_set *readfds, fd_set *writefds, fd_set *exceptfds, struct timeval *timeout);
int __real_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int __wrap_close(int fd);
ssize_t __wrap_read(int fd, void *buf, size_t len);
ssize_t __wrap_write(int fd, const void *buf, size_t len);
ssize_t __wrap_readv(int fd, const struct iovec *iov, int count);
ssize_t __wrap_writev(int fd, const struct iovec *iov, int count);
int __wrap_fcntl(int fd, int cmd, ...);
int __wrap_fcntl64(int fd, int cmd, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_select(int nfds, fd_set *readfds, fd_set *writefds, fd_set *exceptfds, struct timeval *timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms);

static int is_socket(int fd)
{
    return fd >= LWIP_SOCKET_OFFSET && fd < LWIP_SOCKET_OFFSET + MEMP_NUM_NETCONN;
}

int __wrap_close(int fd)
{
    return is_socket(fd) ? lwip_close(fd) : __real_close(fd);
}

ssize_t __wrap_read(int fd, void *buf, size_t len)
{
    return is_socket(fd) ? lwip_read(fd, buf, len) : __real_read(fd, buf, len);
}

ssize_t __wrap_write(int fd, const void *buf, size_t len)
{
    return is_socket(fd) ? lwip_write(fd, buf, len) : __real_write(fd, buf, len);
}

ssize_t __wrap_readv(int fd, const struct iovec *iov, int count)
{
    return is_socket(fd) ? lwip_readv(fd, iov, count) : __real_readv(fd, iov, count);
}

ssize_t __wrap_writev(int fd, const struct iovec *iov, int count)
{
    return is_socket(fd) ? lwip_writev(fd, iov, count) : __real_writev(fd, iov, count);
}

int __wrap_fcntl(int fd, int cmd, ...)
{
    va_list args;
    va_start(args, cmd);
    void *arg = va_arg(args, void *);
    va_end(args);
    return is_socket(fd) ? lwip_fcntl(fd, cmd, (int)(intptr_t)arg) : __real_fcntl(fd, cmd, arg);
}

int __wrap_fcntl64(int fd, int cmd, ...)
{
    va_list args;
    va_start(args, cmd);
    void *arg = va_arg(args, void *);
    va_end(args);
    return __wrap_fcntl(fd, cmd, arg);
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
    va_list args;
    va_start(args, request);
    void *arg = va_arg(args, void *);
    va_end(args);
    return is_socket(fd) ? lwip_ioctl(fd, (long)request, arg) : __real_ioctl(fd, request, arg);
}

int __wrap_select(int nfds, fd_set *readfds, fd_set *writefds, fd_set *exceptfds, struct timeval *timeout)
{
    return nfds > LWIP_SOCKET_OFFSET ? lwip_select(nfds, readfds, writefds, exceptfds, timeout)
                                     : __real_select(nfds, readfds, writefds, exceptfds, timeout);
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    return count > 0 && is_socket(fds[0].fd) ? lwip_poll(fds, count, timeout_ms) : __real_poll(fds, count, timeout_ms);
}
