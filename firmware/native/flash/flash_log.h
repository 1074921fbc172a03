/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Where the shared formats send their log lines: the boot loader collects them, the program hands them to esp_log.
 */
#pragma once

/** @param level 'E', 'W', 'I' or 'D'  @param text one line without line end */
typedef void (*flash_log_fn)(void *ctx, char level, const char *tag, const char *text);
