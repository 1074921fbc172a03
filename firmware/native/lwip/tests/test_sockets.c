/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Sockets as a chip has them: their numbers, their limits, what is lost, and what one task can do to another's send().
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <sys/select.h>

#include "esp_heap_caps.h"
#include "esp_timer.h"
#include "freertos/task.h"
#include "loopback.h"

#define STACK 2048

static void bytes_come_back(void)
{
    static uint8_t sent[3000], got[3000];
    int ends[2];
    connect_pair(4001, ends);
    for (size_t i = 0; i < sizeof(sent); i++) {
        sent[i] = (uint8_t)(i * 7);
    }
    TEST_EQ(sizeof(sent), send(ends[1], sent, sizeof(sent), 0));
    for (size_t have = 0; have < sizeof(got);) {
        ssize_t n = recv(ends[0], got + have, sizeof(got) - have, 0);
        TEST_WITHIN(1, sizeof(got) - have, n);
        TEST_EQ(n, write(ends[0], got + have, (size_t)n)); /* write() and read() reach sockets too */
        have += (size_t)n;
    }
    memset(got, 0, sizeof(got));
    for (size_t have = 0; have < sizeof(got);) {
        ssize_t n = read(ends[1], got + have, sizeof(got) - have);
        TEST_WITHIN(1, sizeof(got) - have, n);
        have += (size_t)n;
    }
    TEST_EQ(0, memcmp(sent, got, sizeof(got)));
    TEST_EQ(0, close(ends[1]));
    TEST_EQ(0, recv(ends[0], got, 1, 0));
    TEST_EQ(0, close(ends[0]));
}

static void there_are_sixteen_and_they_end_at_63(void)
{
    int fds[16];
    for (int i = 0; i < 16; i++) {
        fds[i] = socket(AF_INET, SOCK_DGRAM, 0);
        TEST_EQ(48 + i, fds[i]);
    }
    errno = 0;
    TEST_EQ(-1, socket(AF_INET, SOCK_DGRAM, 0));
    TEST_EQ(ENFILE, errno);
    TEST_EQ(64, FD_SETSIZE);
    TEST_EQ(0, close(fds[5]));
    TEST_EQ(53, socket(AF_INET, SOCK_DGRAM, 0)); /* the number is free at once */
    for (int i = 0; i < 16; i++) {
        TEST_EQ(0, close(fds[i]));
    }
    TEST_EQ(-1, close(fds[0]));
    TEST_EQ(EBADF, errno);
}

static void the_seventh_datagram_is_lost(void)
{
    struct sockaddr_in address = loopback(4002);
    int receiver = socket(AF_INET, SOCK_DGRAM, 0), sender = socket(AF_INET, SOCK_DGRAM, 0);
    TEST_EQ(0, bind(receiver, (struct sockaddr *)&address, sizeof(address)));
    for (char i = 0; i < 12; i++) {
        TEST_EQ(1, sendto(sender, &i, 1, 0, (struct sockaddr *)&address, sizeof(address)));
        vTaskDelay(1); /* so that the loopback's own queue is not what is full */
    }
    char item;
    for (int i = 0; i < 6; i++) {
        TEST_EQ(1, recv(receiver, &item, 1, MSG_DONTWAIT));
        TEST_EQ(i, item);
    }
    TEST_EQ(-1, recv(receiver, &item, 1, MSG_DONTWAIT));
    TEST_EQ(EAGAIN, errno);
    close(receiver);
    close(sender);
}

static void select_waits_and_wakes(void)
{
    int ends[2];
    connect_pair(4003, ends);
    fd_set reads;
    FD_ZERO(&reads);
    FD_SET(ends[0], &reads);
    struct timeval limit = {.tv_usec = 50000};
    int64_t start = esp_timer_get_time();
    TEST_EQ(0, select(ends[0] + 1, &reads, NULL, NULL, &limit));
    TEST_WITHIN(40000, 1000000, esp_timer_get_time() - start);
    TEST_EQ(1, send(ends[1], "x", 1, 0));
    FD_SET(ends[0], &reads);
    TEST_EQ(1, select(ends[0] + 1, &reads, NULL, NULL, &limit));
    TEST_TRUE(FD_ISSET(ends[0], &reads));

    int flags = fcntl(ends[1], F_GETFL, 0);
    TEST_EQ(0, fcntl(ends[1], F_SETFL, flags | O_NONBLOCK));
    char byte;
    TEST_EQ(-1, recv(ends[1], &byte, 1, 0));
    TEST_EQ(EAGAIN, errno);
    close(ends[0]);
    close(ends[1]);
}

struct writer {
    int fd;
    atomic_int sent;
    atomic_int failed_with;
};

static void write_until_it_fails(void *arg)
{
    static const char data[1000];
    struct writer *writer = arg;
    ssize_t n;
    while ((n = send(writer->fd, data, sizeof(data), 0)) > 0) {
        atomic_fetch_add(&writer->sent, (int)n);
    }
    atomic_store(&writer->failed_with, errno);
    vTaskDelete(NULL);
}

static void wait_until_blocked(struct writer *writer)
{
    TEST_EVENTUALLY(atomic_load(&writer->sent) >= 5760);
    for (int before = -1; before != atomic_load(&writer->sent); vTaskDelay(20)) {
        before = atomic_load(&writer->sent);
    }
    TEST_EQ(0, atomic_load(&writer->failed_with));
    TEST_WITHIN(5760, 2 * 5760, atomic_load(&writer->sent)); /* send buffer here, window there */
}

static void shutdown_ends_another_tasks_send(void)
{
    int ends[2];
    connect_pair(4004, ends);
    struct writer writer = {.fd = ends[0]};
    xTaskCreate(write_until_it_fails, "writer", STACK, &writer, 5, NULL);
    wait_until_blocked(&writer);
    TEST_EQ(0, shutdown(ends[0], SHUT_RD));
    vTaskDelay(5);
    TEST_EQ(0, atomic_load(&writer.failed_with)); /* of no use against a writer */
    int64_t start = esp_timer_get_time();
    TEST_EQ(0, shutdown(ends[0], SHUT_RDWR));
    TEST_EVENTUALLY(atomic_load(&writer.failed_with) != 0);
    TEST_EQ(ENOTCONN, atomic_load(&writer.failed_with));
    TEST_EQ(107, ENOTCONN);
    TEST_WITHIN(0, 500000, esp_timer_get_time() - start);
    TEST_EQ(0, close(ends[0]));
    close(ends[1]);
}

static void a_stalled_send_ends_at_its_timeout(void)
{
    int ends[2];
    connect_pair(4005, ends);
    struct timeval limit = {.tv_usec = 300000};
    TEST_EQ(0, setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)));
    struct writer writer = {.fd = ends[0]};
    xTaskCreate(write_until_it_fails, "writer", STACK, &writer, 5, NULL);
    TEST_EVENTUALLY(atomic_load(&writer.failed_with) != 0);
    TEST_EQ(EAGAIN, atomic_load(&writer.failed_with));
    close(ends[0]);
    close(ends[1]);
}

static void use_a_socket(void *arg)
{
    struct timeval limit = {.tv_usec = 10000};
    char byte;
    int fd = (int)(intptr_t)arg;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit,
               sizeof(limit)); /* goes through the TCP/IP task: needs the semaphore */
    TEST_EQ(-1, recv(fd, &byte, 1, 0));
    TEST_EQ(EAGAIN, errno);
    vTaskDelete(NULL);
}

static void each_task_gives_its_semaphore_back(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct linger linger;
    socklen_t len = sizeof(linger);
    TEST_EQ(-1, getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len)); /* off, as on a chip */
    TEST_EQ(ENOPROTOOPT, errno);
    vTaskDelay(5);
    size_t before = heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
    for (int i = 0; i < 10; i++) {
        TEST_EQ(pdPASS, xTaskCreate(use_a_socket, "user", STACK, (void *)(intptr_t)fd, 5, NULL));
        TEST_EVENTUALLY(heap_caps_get_free_size(MALLOC_CAP_DEFAULT) >=
                        before); /* more, when an old connection expires */
    }
    close(fd);
}

static void names_are_resolved(void)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found = NULL;
    TEST_EQ(0, getaddrinfo("10.0.2.2", "8080", &hints, &found));
    struct sockaddr_in *address = (struct sockaddr_in *)found->ai_addr;
    TEST_EQ(8080, ntohs(address->sin_port));
    TEST_STR_EQ("10.0.2.2", inet_ntoa(address->sin_addr));
    char text[INET_ADDRSTRLEN];
    TEST_STR_EQ("10.0.2.2", inet_ntop(AF_INET, &address->sin_addr, text, sizeof(text)));
    freeaddrinfo(found);
}

void app_main(void)
{
    start_lwip();
    TEST_RUN(bytes_come_back);
    TEST_RUN(there_are_sixteen_and_they_end_at_63);
    TEST_RUN(the_seventh_datagram_is_lost);
    TEST_RUN(select_waits_and_wakes);
    TEST_RUN(shutdown_ends_another_tasks_send);
    TEST_RUN(a_stalled_send_ends_at_its_timeout);
    TEST_RUN(each_task_gives_its_semaphore_back);
    TEST_RUN(names_are_resolved);
    TEST_END();
}
