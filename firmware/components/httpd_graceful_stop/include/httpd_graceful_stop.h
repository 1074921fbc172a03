/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Stops an ESP-IDF HTTP server with any clients, in bounded time, without a panic, and gives the memory back.
 *
 * One object serves one server. Make it, start the server through it, register handlers through it, stop it:
 *
 *     httpd_graceful_stop_handle_t gs;
 *     httpd_graceful_stop_config_t limits = HTTPD_GRACEFUL_STOP_CONFIG_DEFAULT();
 *     ESP_ERROR_CHECK(httpd_graceful_stop_create(&limits, &gs));
 *
 *     httpd_config_t config = HTTPD_DEFAULT_CONFIG();
 *     ESP_ERROR_CHECK(httpd_graceful_stop_start(gs, &config));
 *     ESP_ERROR_CHECK(httpd_graceful_stop_register_uri_handler(gs, &stream_uri));
 *     ...
 *     ESP_ERROR_CHECK(httpd_graceful_stop_stop(gs, NULL));
 *
 * A handler that streams asks httpd_graceful_stop_requested(req) once a frame and returns when it says so; one that
 * does not ask is ended by shutdown() on its socket after the drain limit. No socket is ever closed and no task ever
 * deleted that is not the component's own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "esp_err.h"
#include "esp_event.h"
#include "esp_http_server.h"
#include "sdkconfig.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Limits ---------------------------------------------------------------------------------------------------- */

#ifndef CONFIG_HTTPD_GRACEFUL_STOP_DRAIN_MS
#define CONFIG_HTTPD_GRACEFUL_STOP_DRAIN_MS 1000
#endif
#ifndef CONFIG_HTTPD_GRACEFUL_STOP_SHUTDOWN_MS
#define CONFIG_HTTPD_GRACEFUL_STOP_SHUTDOWN_MS 1000
#endif
#ifndef CONFIG_HTTPD_GRACEFUL_STOP_STOP_MS
#define CONFIG_HTTPD_GRACEFUL_STOP_STOP_MS 1000
#endif
#ifndef CONFIG_HTTPD_GRACEFUL_STOP_TASK_STACK
#define CONFIG_HTTPD_GRACEFUL_STOP_TASK_STACK 3072
#endif

/** Limits of one stop. A stop takes at most drain_ms + shutdown_ms + stop_ms + 200 ms, whatever the clients do. */
typedef struct {
    uint32_t drain_ms;      /*!< handlers end by themselves, WebSockets get CLOSE 1001; then sockets are shut down */
    uint32_t shutdown_ms;   /*!< what was shut down leaves its handler, leases come back; then ESP_ERR_TIMEOUT */
    uint32_t stop_ms;       /*!< the server's own stop, httpd_stop() or httpd_ssl_stop(); then ESP_ERR_TIMEOUT */
    uint32_t task_stack;    /*!< stack of the helper task that carries a stop out, bytes */
    unsigned task_priority; /*!< its priority; above the server's, so that a busy server cannot delay its stop */
} httpd_graceful_stop_config_t;

#define HTTPD_GRACEFUL_STOP_CONFIG_DEFAULT()                                                                    \
    {                                                                                                           \
        .drain_ms = CONFIG_HTTPD_GRACEFUL_STOP_DRAIN_MS, .shutdown_ms = CONFIG_HTTPD_GRACEFUL_STOP_SHUTDOWN_MS, \
        .stop_ms = CONFIG_HTTPD_GRACEFUL_STOP_STOP_MS, .task_stack = CONFIG_HTTPD_GRACEFUL_STOP_TASK_STACK,     \
        .task_priority = 6,                                                                                     \
    }

/* ---- Report and events ------------------------------------------------------------------------------------------ */

typedef enum {
    HTTPD_GRACEFUL_STOP_DRAIN,    /*!< asking */
    HTTPD_GRACEFUL_STOP_SHUTDOWN, /*!< shutdown() on what has not ended, waiting for handlers and leases */
    HTTPD_GRACEFUL_STOP_STOP,     /*!< the server's own stop */
    HTTPD_GRACEFUL_STOP_PHASES,   /*!< how many there are */
} httpd_graceful_stop_phase_t;

/** What a stop did. Also the data of every event; fields not yet known are 0 (BEGIN: port, sessions, heap_before). */
typedef struct {
    uint16_t port;                                 /*!< the server's port */
    httpd_graceful_stop_phase_t phase;             /*!< the phase that ended (event PHASE), or the last one */
    uint32_t phase_ms[HTTPD_GRACEFUL_STOP_PHASES]; /*!< time spent in each */
    uint32_t total_ms;                             /*!< from the call to the end, heap measurement included */
    uint16_t sessions;                             /*!< open when the stop began */
    uint16_t websockets;                           /*!< of these, those that were sent CLOSE 1001 */
    uint16_t forced_count;                         /*!< sessions shut down in the middle of a request or a send */
    uint16_t refused;                              /*!< clients and requests turned away meanwhile */
    uint16_t remaining;                            /*!< handlers and leases out when the limit passed; 0 on ESP_OK */
    size_t heap_before;                            /*!< free heap when the stop began, bytes */
    size_t heap_after;                             /*!< after the server's stack was freed too, bytes */
    size_t largest_block;                          /*!< largest free block then, bytes */
    esp_err_t err;                                 /*!< what httpd_graceful_stop_stop() returned */
} httpd_graceful_stop_report_t;

ESP_EVENT_DECLARE_BASE(HTTPD_GRACEFUL_STOP_EVENT);

/** Posted to the default event loop, never waiting for room in it; data: httpd_graceful_stop_report_t. */
typedef enum {
    HTTPD_GRACEFUL_STOP_EVENT_BEGIN,
    HTTPD_GRACEFUL_STOP_EVENT_PHASE,
    HTTPD_GRACEFUL_STOP_EVENT_END,
} httpd_graceful_stop_event_t;

/* ---- Life ------------------------------------------------------------------------------------------------------- */

/** An object, by number: nothing can be read through it, and no other object ever has the same one. */
typedef struct httpd_graceful_stop *httpd_graceful_stop_handle_t;

/**
 * Makes the object for one server, with its helper task, so that a stop later needs no memory. Four at a time.
 *
 * Every function below returns ESP_ERR_INVALID_ARG (or false, or NULL) for a handle that has been deleted.
 * @return ESP_OK; ESP_ERR_INVALID_ARG, also without a stack or with a priority that FreeRTOS does not have;
 * ESP_ERR_NO_MEM, also for a fifth object.  Any task.
 */
esp_err_t httpd_graceful_stop_create(const httpd_graceful_stop_config_t *config, httpd_graceful_stop_handle_t *out);

/**
 * Frees the object. The server must be stopped.
 * @return ESP_OK; ESP_ERR_INVALID_STATE while the server runs or is stopping.  Any task but the server's.
 */
esp_err_t httpd_graceful_stop_delete(httpd_graceful_stop_handle_t gs);

/** Changes the limits, also of the phases to come of a stop under way. The task's stack and priority stay. Any task. */
esp_err_t httpd_graceful_stop_set_limits(httpd_graceful_stop_handle_t gs, uint32_t drain_ms, uint32_t shutdown_ms,
                                         uint32_t stop_ms);

/**
 * Starts a plain server: httpd_start() with open_fn and close_fn chained (the config's own are called too). The network
 * stack must be up: esp_netif_init().
 * @return ESP_OK; ESP_ERR_INVALID_STATE when it runs already or an earlier stop is unfinished; ESP_ERR_NO_MEM; what
 * httpd_start() returns.  Any task.
 */
esp_err_t httpd_graceful_stop_start(httpd_graceful_stop_handle_t gs, const httpd_config_t *config);

/** How to start and stop a server of another kind, such as esp_https_server. */
typedef struct {
    httpd_config_t *httpd; /*!< the httpd_config_t inside `config`; changed meanwhile */
    esp_err_t (*start)(httpd_handle_t *out, void *config);
    esp_err_t (*stop)(httpd_handle_t server);
    void *config; /*!< passed to start */
} httpd_graceful_stop_server_t;

/** As httpd_graceful_stop_start(), for any kind of server built on esp_http_server. @p server->stop: ESP_OK = gone. */
esp_err_t httpd_graceful_stop_start_with(httpd_graceful_stop_handle_t gs, const httpd_graceful_stop_server_t *server);

/** The running server's handle, for other calls; NULL when it does not run. Do not keep it across a stop. Any task. */
httpd_handle_t httpd_graceful_stop_server(httpd_graceful_stop_handle_t gs);

/**
 * As httpd_register_uri_handler(), and the handler is known to the component: none starts while the server is
 * stopping (the client gets 503), and a stop waits for those inside. It goes with the server: register it again after
 * the next start().
 * @return ESP_OK; ESP_ERR_INVALID_ARG without a handler; ESP_ERR_INVALID_STATE when the server does not run or is
 * stopping; ESP_ERR_NO_MEM; what httpd_register_uri_handler() returns.  Any task.
 */
esp_err_t httpd_graceful_stop_register_uri_handler(httpd_graceful_stop_handle_t gs, const httpd_uri_t *uri);

/**
 * Stops the server and waits until it has stopped, within the limits.
 *
 * Callers at the same time get the same result. A server that does not run gives ESP_OK.
 * @param report filled when not NULL
 * @return ESP_OK; ESP_ERR_TIMEOUT when a handler, a lease or the server itself did not end (call again to go on
 * waiting; new clients are refused meanwhile); ESP_ERR_INVALID_STATE on the server's own task (a handler, queued work,
 * close_fn), at once, on the helper task (a cancel function), and while start() has not returned.  Any other task, the
 * event loop's too.
 */
esp_err_t httpd_graceful_stop_stop(httpd_graceful_stop_handle_t gs, httpd_graceful_stop_report_t *report);

/* ---- For handlers and workers ----------------------------------------------------------------------------------- */

/** True from the moment a stop begins: finish the frame and return. Any task that may use @p req. */
bool httpd_graceful_stop_requested(httpd_req_t *req);

/** The same by object, for tasks that have no request. Any task. */
bool httpd_graceful_stop_stopping(httpd_graceful_stop_handle_t gs);

/**
 * Takes a lease: the server and its handle stay until it is given back. For tasks that push to clients.
 * @return ESP_OK; ESP_ERR_INVALID_STATE when the server does not run or is stopping.  Any task.
 */
esp_err_t httpd_graceful_stop_lease(httpd_graceful_stop_handle_t gs);

/**
 * Gives a lease back.
 * @return ESP_OK; ESP_ERR_INVALID_STATE when none of httpd_graceful_stop_lease() is out.  Any task.
 */
esp_err_t httpd_graceful_stop_release(httpd_graceful_stop_handle_t gs);

/**
 * httpd_req_async_handler_begin() with a lease: the session stays until the worker gives the copy back.
 * @return ESP_OK; ESP_ERR_INVALID_ARG, also for a request of a server that was not started through the component;
 * ESP_ERR_INVALID_STATE when stopping; ESP_ERR_NO_MEM; ESP_ERR_NOT_SUPPORTED before ESP-IDF 5.2.  In the handler.
 */
esp_err_t httpd_graceful_stop_async_begin(httpd_req_t *req, httpd_req_t **copy);

/**
 * httpd_req_async_handler_complete() and the lease given back, once for each copy.
 * @return what httpd_req_async_handler_complete() returns; ESP_ERR_INVALID_ARG as above.  Any task.
 */
esp_err_t httpd_graceful_stop_async_complete(httpd_req_t *copy);

/**
 * httpd_queue_work() that leaks nothing: exactly one of @p work and @p cancel is called with @p arg, once; @p cancel
 * when the server stops first, on the helper task. At most 16 items wait.
 * @return ESP_OK; ESP_ERR_INVALID_STATE when stopping; ESP_FAIL when the queue is full. On an error neither is called.
 * Any task.
 */
esp_err_t httpd_graceful_stop_queue_work(httpd_graceful_stop_handle_t gs, httpd_work_fn_t work, httpd_work_fn_t cancel,
                                         void *arg);

#ifdef __cplusplus
}
#endif
