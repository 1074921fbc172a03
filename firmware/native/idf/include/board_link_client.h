/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The program's end of the link to the supervisor: one request at a time, each answered.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../boot/board_link.h"
#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Says hello. @return false when there is no supervisor at the other end. */
bool board_link_open(void);

/** What the supervisor said at hello; all zero before board_link_open(). */
const struct board_hello *board_hello(void);

/** Sends a request and waits for its reply. @return the reply's err, ESP_FAIL when the link is broken. */
esp_err_t board_link_call(const struct board_request *request, struct board_reply *reply);

esp_err_t board_link_erase(uint32_t addr, size_t len);
esp_err_t board_link_write(uint32_t addr, const void *data, size_t len);

/** Asks for a reset and waits for the supervisor to end this program. Takes no lock: the panic handler calls it. */
void board_link_reset(enum board_reset reason) __attribute__((noreturn));

/** Test programs: asks the supervisor to end with this code. */
void board_link_exit(int code) __attribute__((noreturn));

#ifdef __cplusplus
}
#endif
