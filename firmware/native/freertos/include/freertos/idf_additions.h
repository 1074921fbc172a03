/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * ESP-IDF's additions to FreeRTOS: they are declared with the calls they belong to.
 */
#pragma once

#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "freertos/queue.h"
#include "freertos/semphr.h"
