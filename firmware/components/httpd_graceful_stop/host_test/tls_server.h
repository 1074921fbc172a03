/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * As server.h, behind TLS: the same object, a server of esp_https_server.
 *
 *   /stream, /hello, /ws   as there
 *   /deaf                  streams inline until sending fails
 */
#pragma once

#include "server.h"
#include "tls_identity.h"

/** To be made before the first start. */
extern tls_identity_t tls_server_identity;

/** Makes the object and starts the server. server_end() and server_stop_ok() are those of server.h. */
void tls_server_start(void);

/** The server alone, on the object there is. */
void tls_server_start_again(void);
