/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A TCP connection over lwIP's own loopback, for tests.
 */
#pragma once

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "board_test.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "lwip/tcpip.h"

static void tcpip_is_up(void *arg)
{
    xSemaphoreGive(arg);
}

static inline void start_lwip(void)
{
    SemaphoreHandle_t up = xSemaphoreCreateBinary();
    tcpip_init(tcpip_is_up, up);
    TEST_EQ(pdTRUE, xSemaphoreTake(up, 100));
    vSemaphoreDelete(up);
}

static inline struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/** ends[0] accepted, ends[1] connected. */
static inline void connect_pair(uint16_t port, int ends[2])
{
    struct sockaddr_in address = loopback(port);
    int on = 1;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    TEST_TRUE(listener >= 0);
    TEST_EQ(0, setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)));
    TEST_EQ(0, bind(listener, (struct sockaddr *)&address, sizeof(address)));
    TEST_EQ(0, listen(listener, 4));
    ends[1] = socket(AF_INET, SOCK_STREAM, 0);
    TEST_EQ(0, connect(ends[1], (struct sockaddr *)&address, sizeof(address)));
    ends[0] = accept(listener, NULL, NULL);
    TEST_TRUE(ends[0] >= 0);
    TEST_EQ(0, close(listener));
}
