/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The events of a stop: `stop_begin`, `stop_phase`, `stop_end`. However a server is stopped, it is told in the same
 * way.
 */
#pragma once

#include "httpd_graceful_stop.h"

/** Prints `stop_begin`. @p report: port, sessions, heap_before. */
void stop_report_begin(const httpd_graceful_stop_report_t *report, const char *strategy);

/** Prints `stop_phase` for the phase that has just ended. */
void stop_report_phase(const httpd_graceful_stop_report_t *report);

/** Prints `stop_end`, with the connections that are still closing at this moment. One task at a time. */
void stop_report_end(const httpd_graceful_stop_report_t *report);
