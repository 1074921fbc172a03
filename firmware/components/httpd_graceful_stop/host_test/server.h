/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The server that the tests stop: an object with short limits, and handlers of every temper.
 *
 *   /stream   streams inline, a frame each frame_ms, and ends on a whole one when a stop is asked for
 *   /dropin   streams inline until sending fails; knows nothing of the component
 *   /deaf     the same, registered through the component
 *   /never    stays inside, whatever happens to its socket, until never_release is set
 *   /async    hands the request to a worker, which streams as /stream does
 *   /hello    answers at once
 *   /ws       WebSocket; the text "fill" makes the server fill the client's buffers up
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "httpd_graceful_stop.h"

#define PORT        8080
#define DRAIN_MS    400
#define SHUTDOWN_MS 400
#define STOP_MS     400
#define SLACK_MS    200 /* what a stop may take on top of its limits */
#define POLL_MS     150 /* httpd_stop() looks every 100 ms */
#define CUT_MS      90  /* from the drain limit until all has been cut; below SHUTDOWN_MS / 4, the next step's time */
#define PROMPT_MS   100 /* no limit is waited out; one lost ping costs 50 ms */
#define FRAME_END   "--end of frame--"
#define STREAM_END  "--end of stream--\r\n0\r\n\r\n"

extern httpd_graceful_stop_handle_t gs;
extern _Atomic unsigned frame_ms;
extern _Atomic bool never_release;
extern _Atomic unsigned handlers_run; /* entries into /hello */

/** Brings lwIP and the event loop up; once a program. */
void network_up(void);

/** Makes the object and starts the server with all handlers. */
void server_start(void);

/** The server alone, on the object there is. */
void server_start_again(void);
void server_start_with_close_fn(httpd_close_func_t close_fn);

/** Deletes the object; the server is stopped. */
void server_end(void);

/** Stops, and checks what holds for every stop that succeeds. @return its report */
httpd_graceful_stop_report_t server_stop_ok(void);

/** The part of a streaming handler after its headers. @return what the handler is to return */
esp_err_t stream_frames(httpd_req_t *req);

/** Lets connections that are closing (TIME-WAIT and before it) expire now instead of in two minutes. */
void expire_closing_connections(void);

/** How many sockets can still be opened. */
int sockets_free(void);
