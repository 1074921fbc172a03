/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * esp_http_server and its clients for a fuzzer: one task a server, a control socket that holds six datagrams and loses
 * the next, sessions that come, ask, and go as the input says.
 */
#pragma once

#include <stdbool.h>

#define SERVER_FDS 64

/** Times that a descriptor was opened, and closed. */
extern unsigned server_opened[SERVER_FDS], server_closed[SERVER_FDS];

/** Forgets all clients. */
void server_begin(void);

/** Whether the client of a session is still there, for a handler that streams to it. */
bool server_client_reads(int fd);
