/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Who goes before whom. Streams can take all of a chip that has one core, so what updates the board goes before them.
 */
#pragma once

#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

#define PRIORITY_WS_PRODUCER (tskIDLE_PRIORITY + 4) /* below the server's: pushing never holds up serving */
#define PRIORITY_STREAM      (tskIDLE_PRIORITY + 5) /* the server's own */
#define PRIORITY_UPDATE      (tskIDLE_PRIORITY + 6) /* the main task, which stops the servers, and the self-test */
