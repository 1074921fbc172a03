/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The server that the tests stop: an object with short limits, and handlers of every temper.
 *
 *   /stream   streams inline, a frame each frame_ms, and ends on a whole one when a stop is asked for
 *   /dropin   streams inline until sending fails; knows nothing of the component
 *   /deaf     the same, registered through the component
 *   /never    stays inside, whatever happens to its socket, until never_release is set
 *   /spin     the same, and never gives its core away
 *   /async    hands the request to a worker, which streams as /stream does
 *   /late     hands it to a worker that streams until sending fails
 *   /stray    hands it to a worker that ignores that, until never_release is set
 *   /hello    answers at once
 *   /ws       WebSocket; the text "fill" makes the server fill the client's buffers up
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "esp_idf_version.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "httpd_graceful_stop.h"
#include "in_time.h"

#define HAS_ASYNC (ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 2, 0)) /* /async, /late and /stray work */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HOST_SLOWNESS 4 /* what takes no time otherwise takes some */
#else
#define HOST_SLOWNESS 1
#endif

#define PORT                      8080
#define DRAIN_MS                  400
#define SHUTDOWN_MS               400
#define STOP_MS                   400
#define SLACK_MS                  200               /* what a stop may take on top of its limits */
#define POLL_MS                   (100 + PROMPT_MS) /* httpd_stop() looks every 100 ms */
/*
 * What ends without a limit being waited out needs no tick: the helper pings the server's task, which does what there
 * is to do and wakes the helper. A handler's own pause of one tick (10 ms) may come before. The next ping is due after
 * 50 ms, so this is also the proof that the first one was enough: none came late, none was lost.
 */
#define PROMPT_MS                 (45 * HOST_SLOWNESS)
/* From the drain limit until all has been cut: the limit is rounded up to the next tick, then the same again. */
#define CUT_MS                    (10 + PROMPT_MS)
/* What did not end was cut at the drain limit, and then all was over. */
#define CHECK_CUT(report)         IN_TIME(DRAIN_MS, DRAIN_MS + CUT_MS, (report).phase_ms[0] + (report).phase_ms[1])
/* All ended by themselves, in that time. */
#define CHECK_DRAINED(report, ms) IN_TIME(0, ms, (report).phase_ms[HTTPD_GRACEFUL_STOP_DRAIN])
#define FRAME_END                 "--end of frame--"
#define STREAM_END                "--end of stream--\r\n0\r\n\r\n"

extern httpd_graceful_stop_handle_t gs;
extern _Atomic unsigned frame_ms;
extern _Atomic bool never_release;
extern _Atomic unsigned handlers_run; /* entries into /hello */
extern _Atomic bool memory_may_fail;
extern _Atomic bool filled;                         /* "fill" has been done */
extern esp_err_t (*server_stop_fn)(httpd_handle_t); /* httpd_stop, or what a test puts around it */

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

/* A call of stop() by a task of its own. */
typedef struct {
    httpd_graceful_stop_report_t report; /* when it has returned */
    esp_err_t err;
    TaskHandle_t task;
    SemaphoreHandle_t done;
} caller_t;

void caller_begin(caller_t *caller);

/** Waits until it has returned ESP_OK. */
void caller_end(caller_t *caller);

/** Waits until it has returned. @return what it got */
esp_err_t caller_end_with(caller_t *caller);

/** httpd_start(), for httpd_graceful_stop_start_with(). */
esp_err_t start_plain(httpd_handle_t *out, void *config);

/** Lets connections that are closing (TIME-WAIT and before it) expire now instead of in two minutes. */
void expire_closing_connections(void);

/** Waits until that server has accepted so many clients. */
void wait_for_sessions(httpd_graceful_stop_handle_t server, size_t count);

/** Waits until a stream's send has found no room for a while: its client does not read, and the buffers are full. */
void wait_for_stall(void);

/** How many sockets can still be opened. */
int sockets_free(void);
