/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * FreeRTOS for a fuzzer: tasks that run one at a time, and bytes of the input that say which one goes on wherever one
 * waits or leaves a critical section. Time passes only when all of them wait, so that limits can be checked exactly.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Begins a run with these bytes; they are used up by choices, here and by tasks_byte(). */
void tasks_begin(const uint8_t *data, size_t size);

/** The next byte; 0 when there are none left. */
uint8_t tasks_byte(void);
bool tasks_bytes_left(void);

/** A task as xTaskCreate() makes them. */
void tasks_start(void (*code)(void *arg), void *arg);

/** Runs until no task is left. @return false when those that are left wait for what never comes */
bool tasks_run(void);

/** Lets another task go on, if the input says so. */
void tasks_preempt(void);

/** Waits until *flag is set or @p ms have passed (UINT32_MAX: for ever). @return *flag */
bool tasks_wait(const bool *flag, uint32_t ms);

uint32_t tasks_now_ms(void);
