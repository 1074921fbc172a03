/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The socket calls of the component, as its object code sees them: functions. The numbers are lwIP's.
 */
#pragma once

#define AF_INET      2
#define SOCK_DGRAM   2
#define SHUT_WR      1
#define SHUT_RDWR    2
#define MSG_DONTWAIT 0x08

int socket(int domain, int type, int protocol);
int shutdown(int s, int how);
