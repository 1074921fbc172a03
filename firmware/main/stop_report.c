/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Prints reports. Heap still held by connections that are closing is the peer's doing and counted apart.
 */
#include "stop_report.h"

#include "events.h"
#include "net_pcbs.h"

void stop_report_begin(const httpd_graceful_stop_report_t *r, const char *strategy)
{
    event("stop_begin", "\"server\":%u,\"strategy\":\"%s\",\"sessions\":%u,\"heap_before\":%u", r->port, strategy,
          r->sessions, (unsigned)r->heap_before);
}

void stop_report_phase(const httpd_graceful_stop_report_t *r)
{
    static const char *const NAMES[HTTPD_GRACEFUL_STOP_PHASES] = {"drain", "shutdown", "stop"};
    event("stop_phase", "\"server\":%u,\"phase\":\"%s\",\"ms\":%lu", r->port, NAMES[r->phase],
          (unsigned long)r->phase_ms[r->phase]);
}

void stop_report_end(const httpd_graceful_stop_report_t *r)
{
    net_pcbs_t closing = {0};
    const bool counted = net_pcbs_closing(&closing) == ESP_OK;
    event("stop_end",
          "\"server\":%u,\"ms\":%lu,\"forced_count\":%u,\"remaining\":%u,\"sessions\":%u,\"websockets\":%u,"
          "\"refused\":%u,\"heap_before\":%u,\"heap_after\":%u,\"largest_block\":%u,\"closing_pcbs\":%ld,"
          "\"closing_bytes\":%lu,\"err\":\"%s\"",
          r->port, (unsigned long)r->total_ms, r->forced_count, r->remaining, r->sessions, r->websockets, r->refused,
          (unsigned)r->heap_before, (unsigned)r->heap_after, (unsigned)r->largest_block,
          counted ? (long)closing.count : -1L, (unsigned long)closing.bytes, esp_err_to_name(r->err));
}
