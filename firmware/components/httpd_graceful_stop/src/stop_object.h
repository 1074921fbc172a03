/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The object behind httpd_graceful_stop_handle_t, and what the component's files offer each other.
 *
 * Tasks that meet here: the server's own (open_fn, close_fn, handlers, queued work), the helper task that carries a
 * stop out, the callers of stop(), and workers that hold leases. What guards what is said at each field. No lock is
 * held while another is taken, nor while a function of the application runs.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "freertos/FreeRTOS.h"
#include "freertos/event_groups.h"
#include "freertos/semphr.h"
#include "freertos/task.h"

#include "httpd_graceful_stop.h"
#include "idf_compat.h"

/* Objects, and so servers, at the same time. A chip has sockets for three servers, at three each for itself. */
#define STOP_MAX_OBJECTS 4
/* Work items that may wait for the server task. ESP-IDF's own queue holds CONFIG_LWIP_UDP_RECVMBOX_SIZE = 6. */
#define STOP_MAX_WORK 16

typedef enum {
    STATE_STOPPED,
    STATE_STARTING,
    STATE_RUNNING,
    STATE_STOPPING,
    STATE_DELETED,
} stop_state_t;

/* Why the helper task is woken: bits of `command`. */
enum {
    COMMAND_WARM_UP = 1 << 0, /* touch the network once, so that lwIP allocates what it keeps for a task */
    COMMAND_STOP = 1 << 1,
    COMMAND_QUIT = 1 << 2,
};

/* Bits of `events`. */
enum {
    EVENT_WARM = 1 << 0,
    EVENT_HANDED = 1 << 1,   /* httpd_stop() has been called: from here on it can only be joined */
    EVENT_RETURNED = 1 << 2, /* it has returned */
    EVENT_DONE = 1 << 3,     /* the attempt is over, its report is in `last` */
};

/* A client. */
typedef struct {
    int fd;             /* -1 = free */
    bool told_user;     /* the application's open_fn has seen it, so its close_fn must, too */
    bool ended;         /* shutdown() in both directions is done: nothing to wait for */
    bool close_sent;    /* CLOSE 1001 and FIN are out, the client's CLOSE is awaited */
    bool request_given; /* it had an unread request when the server was drained, and was left to the server once */
    httpd_req_t *async; /* the worker's copy of its request, while one is out */
} session_t;

typedef struct wrapped_handler wrapped_handler_t; /* handlers.c */
typedef struct work_item work_item_t;             /* work.c */

struct httpd_graceful_stop {
    /* Set by create(). */
    unsigned slot;
    TaskHandle_t task;
    EventGroupHandle_t events;
    SemaphoreHandle_t table_lock; /* guards: sessions. Held while shutdown() runs, so that no fd is reused under it */
    SemaphoreHandle_t call_lock;  /* guards: limits, report, last, attempt_running, end_posted, the times */

    _Atomic int state;
    _Atomic unsigned command;
    _Atomic bool task_gone;

    /* Set by start(), before the server exists; cleared when it has gone. */
    esp_err_t (*server_stop)(httpd_handle_t);
    httpd_open_func_t user_open;
    httpd_close_func_t user_close;
    session_t *sessions;
    size_t session_slots;
    uint16_t port;
    _Atomic(httpd_handle_t) server;
    _Atomic(TaskHandle_t) server_task;

    _Atomic int leases;          /* all that are out, those of async requests among them */
    _Atomic int async_leases;
    _Atomic int releasing;       /* tasks inside release(): the object must stay until they are out */
    _Atomic int inside_fd;       /* the session whose wrapped handler runs; -1 = none */
    wrapped_handler_t *_Atomic handlers;

    work_item_t *work_head;      /* guarded by stop_mux */
    work_item_t **work_tail;
    unsigned work_count;
    uint32_t work_next_id;

    /* One attempt to stop. */
    _Atomic bool loop_clear;     /* the server task, back in its loop, found nothing left to wait for */
    _Atomic bool ping_out;       /* a ping is queued and has not run */
    _Atomic uint32_t ping_seen_ms; /* when one last ran. 32 bits: 4.4 has no atomics of 64 for every chip */
    _Atomic bool changed;        /* something ended since the last ping */
    _Atomic uint32_t hold_until_ms; /* until then CLOSE is held back while a lease is out */
    _Atomic unsigned websockets, forced, refused;

    httpd_graceful_stop_config_t limits;
    httpd_graceful_stop_report_t report; /* of the attempt under way; the counters above are added when it is copied */
    httpd_graceful_stop_report_t last;
    bool attempt_running;
    bool end_posted;
    int64_t begin_us;
    int64_t handed_us;
};

/* objects.c */

extern struct httpd_graceful_stop *_Atomic stop_objects[STOP_MAX_OBJECTS];
extern portMUX_TYPE stop_mux; /* guards the freeing of objects, and each object's queue of work */

/** True for an object that create() made and delete() has not freed. */
bool stop_is_known(httpd_graceful_stop_handle_t gs);

/** The object that serves @p server, a running one first: a new server may have the address of one just freed. */
httpd_graceful_stop_handle_t stop_find(httpd_handle_t server);

/* graceful_stop.c */

/** Tells the helper that something it may be waiting for has happened. */
void stop_notify(httpd_graceful_stop_handle_t gs);

/** The report of the attempt under way, with the counters. call_lock held. */
httpd_graceful_stop_report_t stop_report_now(httpd_graceful_stop_handle_t gs);

int64_t stop_now_us(void);

/** The same in milliseconds, which wrap around: for differences only. */
uint32_t stop_now_ms(void);

/** Ticks that last at least until @p deadline_us, at least one: CONFIG_FREERTOS_HZ is 100 by default. */
TickType_t stop_ticks_until(int64_t deadline_us);

/* stop_task.c */

void stop_task(void *arg);

/** Runs on the server task; @p arg is the object. Only its having run proves that the loop is back. */
void stop_ping(void *arg);

/* sessions.c */

extern const httpd_open_func_t stop_open_fns[STOP_MAX_OBJECTS];
extern const httpd_close_func_t stop_close_fns[STOP_MAX_OBJECTS];

esp_err_t sessions_create(httpd_graceful_stop_handle_t gs, size_t slots);
void sessions_delete(httpd_graceful_stop_handle_t gs);
unsigned sessions_count(httpd_graceful_stop_handle_t gs);
void sessions_set_async(httpd_graceful_stop_handle_t gs, int fd, httpd_req_t *copy);
void sessions_clear_async(httpd_graceful_stop_handle_t gs, httpd_req_t *copy);

/** Ends what may end by now, on the server task in its loop. @return how many are to be waited for */
unsigned sessions_drain(httpd_graceful_stop_handle_t gs);

/** shutdown() on those that hold the stop up, or on @p all of them. Helper task. */
void sessions_force(httpd_graceful_stop_handle_t gs, bool all, bool loop_is_back);

/* handlers.c */

void handlers_delete(httpd_graceful_stop_handle_t gs);

/* work.c */

void work_create(httpd_graceful_stop_handle_t gs);

/** Calls cancel() for what did not run. Helper task, the server has stopped. */
void work_cancel_all(httpd_graceful_stop_handle_t gs);
