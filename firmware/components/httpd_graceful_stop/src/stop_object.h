/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The object behind httpd_graceful_stop_handle_t, and what the component's files offer each other.
 *
 * Tasks that meet here: the server's own (open_fn, close_fn, handlers, queued work), the helper task that carries a
 * stop out, the callers of stop(), and workers that hold leases.
 *
 * Two locks. The critical section (stop_enter(), stop_exit()) guards all that is short: states, counts, the report.
 * Each question whose answer may change under the asker (is it running? then a lease is out) is asked and acted on in
 * one section. The table_lock guards the table of clients, also while shutdown() runs on them, so it may be held for
 * as long as the network stack takes; the critical section may be entered under it, and nothing else. Fields that are
 * read on their own besides are atomic, and relaxed: a notification, or a section, orders them.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"

#include "httpd_graceful_stop.h"
#include "idf_compat.h"

/* Objects, and so servers, at the same time. A chip has sockets for three servers, at three each for itself. */
#define STOP_MAX_OBJECTS 4
/* Work items that may wait for the server task. ESP-IDF's own queue holds CONFIG_LWIP_UDP_RECVMBOX_SIZE = 6. */
#define STOP_MAX_WORK    16

typedef enum {
    STATE_STOPPED,
    STATE_STARTING,
    STATE_RUNNING,
    STATE_STOPPING,
    STATE_DELETED, /* or never made */
} stop_state_t;

/* Relaxed: see above. */
#define peek(field)        atomic_load_explicit(&(field), memory_order_relaxed)
#define poke(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

/* A client. */
typedef struct {
    int fd;                 /* 0 = free: that one is standard input */
    httpd_req_t *async;     /* the worker's copy of its request, while one is out */
    bool told_user;         /* the application's open_fn has seen it, so its close_fn must, too */
    bool ended;             /* shutdown() in both directions is done: nothing to wait for */
    bool close_sent;        /* CLOSE 1001 and FIN are out, the client's CLOSE is awaited */
    uint8_t writable_looks; /* in a row, while the server's task was held up */
    bool request_given;     /* it had an unread request when the server was drained, and was left to the server once */
} session_t;

typedef struct {
    httpd_work_fn_t work;
    httpd_work_fn_t cancel;
    void *arg;
} work_item_t;

/* True or false: as a word, for which the instructions are shorter than for a byte. */
typedef uint32_t flag_t;

typedef struct wrapped_handler wrapped_handler_t; /* handlers.c */

/* What the server's task is inside of, when it is no session's handler. */
enum {
    INSIDE_NOTHING = 0, /* its loop, or what is not known here */
    INSIDE_WORK = -1,   /* work that was queued here */
};

/*
 * What is used most comes first: words within 128 bytes of the beginning are reached by the shortest instructions.
 *
 * Who may change a field: S = critical section, T = table_lock, and else as it says. Times are stop_now_ms().
 */
typedef struct stop_object {
    _Atomic unsigned state;         /* S; stop_state_t */
    _Atomic flag_t attempt;         /* S; one is asked for, or runs */
    unsigned held;                  /* S; calls that use the object, which must not go before they have returned */
    _Atomic unsigned leases;        /* S; all that are out, those of async requests among them */
    _Atomic unsigned pushers;       /* S; of these, those that lease() gave: to whom they push is not known */
    _Atomic int inside_fd;          /* the server's task; the session whose wrapped handler runs, or INSIDE_... */
    _Atomic unsigned sessions_open; /* the server's task; without those that were refused */

    /* One attempt to stop. */
    uint32_t begin_ms;              /* S */
    uint32_t phase_begin_ms;        /* S; of the phase in the report */
    _Atomic unsigned attempts;      /* the helper's; that have ended, of all stops */
    uint32_t deadline_ms;           /* S; by then it has ended, or its callers give up */
    _Atomic uint32_t hold_until_ms; /* until then CLOSE is held back while a lease is out */
    _Atomic flag_t loop_clear;      /* the server task, back in its loop, found nothing left to wait for */
    _Atomic flag_t fence_passed;    /* what was queued before the stop's own message has run */
    _Atomic flag_t ping_out;        /* a ping is queued and has not run: something holds the server's loop up */
    _Atomic flag_t changed;         /* something ended since the last ping */

    /* Made by create(). */
    TaskHandle_t task;
    SemaphoreHandle_t table_lock;
    SemaphoreHandle_t idle; /* given while no attempt runs; the report is complete then */

    /* Made by start(), gone with the server. */
    session_t *sessions, *sessions_end; /* T */
    _Atomic httpd_handle_t server;      /* NULL also while it is being stopped for good */
    _Atomic TaskHandle_t server_task;

    uint32_t limit_ms[HTTPD_GRACEFUL_STOP_PHASES]; /* S */
    httpd_graceful_stop_report_t report;           /* S; of the attempt under way, or of the last one */

    /* Set by start(), before the server exists. */
    esp_err_t (*server_stop)(httpd_handle_t);
    httpd_open_func_t user_open;
    httpd_close_func_t user_close;
    uint16_t port;

    httpd_graceful_stop_handle_t handle;       /* set by create() */
    wrapped_handler_t *handlers;               /* S */
    bool stalled;                              /* T; at the last look a client took no more */
    unsigned work_first, work_added;           /* S; counts: what was taken from the queue, and what was put there */
    void (*cancel_work)(struct stop_object *); /* S; set when the first is put there, so that it is linked when it is */
    work_item_t work[STOP_MAX_WORK];           /* S */
    StaticSemaphore_t table_lock_storage, idle_storage;
} stop_object_t;

/* objects.c */

/* The critical section, one for all objects. It may be entered again inside. */
void stop_enter(void);
void stop_exit(void);

/** An object's slot. */
static inline unsigned stop_slot(httpd_graceful_stop_handle_t handle)
{
    return (uintptr_t)handle % STOP_MAX_OBJECTS;
}

/** The object that has that slot: of one whose server runs, so that it cannot go. */
stop_object_t *stop_in_slot(unsigned slot);

/** The object of a handle; NULL when it has been deleted, or never was. Critical section, or it may go meanwhile. */
stop_object_t *stop_object(httpd_graceful_stop_handle_t handle);

/** The same for a whole call: it does not go before it is let go. */
stop_object_t *stop_hold(httpd_graceful_stop_handle_t handle);
void stop_let_go(stop_object_t *gs);

/** Frees a deleted one, when the calls that were under way have returned. By its own task, at its end. */
void stop_free(stop_object_t *gs);

/** From one state into another. @return ESP_ERR_INVALID_STATE when it is in neither */
esp_err_t stop_change_state(stop_object_t *gs, stop_state_t from, stop_state_t to);

/** The object that serves @p server, which is not NULL. */
stop_object_t *stop_find(httpd_handle_t server);

/* graceful_stop.c */

/** The helper looks at what it has to do, or is waiting for. */
void stop_wake(stop_object_t *gs);

/** Tells the helper that something it may be waiting for has happened. On the server's task, or under a lease. */
void stop_notify(stop_object_t *gs);

/** Adds 1 to a counter of the report. */
void stop_count(uint16_t *counter);

void stop_post(int32_t id, const httpd_graceful_stop_report_t *report);

/** Milliseconds, which wrap around: for differences only. */
uint32_t stop_now_ms(void);

/* stop_task.c */

void stop_task(void *arg);

/** Runs on the server task; @p arg is the object. Only its having run proves that the loop is back. */
void stop_ping(void *arg);

/* sessions.c */

typedef struct {
    httpd_open_func_t open;
    httpd_close_func_t close;
} session_functions_t;

extern const session_functions_t stop_session_functions[STOP_MAX_OBJECTS]; /* by slot */

esp_err_t sessions_create(stop_object_t *gs, unsigned slots);
void sessions_delete(stop_object_t *gs);

/** Where @p fd is @p from, or the async request is (fd 0): it is @p to from now on. */
void sessions_set_async(stop_object_t *gs, int fd, httpd_req_t *from, httpd_req_t *to);

/** Ends what may end by now, on the server task in its loop. */
void sessions_drain(stop_object_t *gs);

/** CLOSE to WebSockets that would wait for it behind a client that does not read. Helper task, with each ping. */
#ifdef CONFIG_HTTPD_WS_SUPPORT
void sessions_close_beside_stalled(stop_object_t *gs);
#else
static inline void sessions_close_beside_stalled(stop_object_t *gs)
{
    (void)gs;
}
#endif

/** shutdown() on those that hold the stop up, or on @p all of them. Helper task. */
void sessions_force(stop_object_t *gs, bool all);

/* leases.c */

/** As httpd_graceful_stop_lease(). @param out the object, which does not go before the lease is given back */
esp_err_t leases_take(httpd_graceful_stop_handle_t handle, stop_object_t **out);
void leases_give(stop_object_t *gs);

/* handlers.c */

void handlers_delete(stop_object_t *gs);
