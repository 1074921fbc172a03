/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Work queued for the server task, of which nothing is lost.
 *
 * ESP-IDF carries each item in a datagram, which its control socket may drop without a word when it holds six. Here the
 * items wait in the object, and the datagram only says that there is something: one that arrives serves all items.
 * What is still there when the server has stopped is cancelled.
 */
#include "stop_object.h"

/* Takes the first item, unless all were taken that had been added by @p until. */
static __attribute__((noinline)) bool take(stop_object_t *gs, unsigned until, work_item_t *item)
{
    stop_enter();
    /* Fewer may be left than were there: what could not be sent is taken back. */
    bool taken = (int)(until - gs->work_first) > 0 && gs->work_first != gs->work_added;
    if (taken) {
        *item = gs->work[gs->work_first++ % STOP_MAX_WORK];
    }
    stop_exit();
    return taken;
}

static unsigned added(stop_object_t *gs)
{
    stop_enter();
    unsigned count = gs->work_added;
    stop_exit();
    return count;
}

/* On the server task. No more than were there at first, or an item that queues itself again would keep it here. */
static void run_queued(void *arg)
{
    stop_object_t *gs = arg;
    work_item_t item;
    poke(gs->inside_fd, INSIDE_WORK);
    for (unsigned until = added(gs); take(gs, until, &item);) {
        item.work(item.arg);
    }
    poke(gs->inside_fd, INSIDE_NOTHING);
}

/* Calls cancel() for what did not run. Helper task, the server has stopped. */
static void cancel_all(stop_object_t *gs)
{
    work_item_t item;
    while (take(gs, added(gs), &item)) {
        if (item.cancel != NULL) {
            item.cancel(item.arg);
        }
    }
}

esp_err_t httpd_graceful_stop_queue_work(httpd_graceful_stop_handle_t handle, httpd_work_fn_t work,
                                         httpd_work_fn_t cancel, void *arg)
{
    if (work == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    stop_object_t *gs;
    esp_err_t err = leases_take(handle, &gs); /* the server must not go before the datagram is out */
    if (err != ESP_OK) {
        return err;
    }
    stop_enter();
    unsigned own = gs->work_added;
    bool room = own - gs->work_first < STOP_MAX_WORK;
    if (room) {
        gs->work[own % STOP_MAX_WORK] = (work_item_t){work, cancel, arg};
        gs->work_added++;
        gs->cancel_work = cancel_all;
    }
    stop_exit();
    if (!room) {
        err = ESP_FAIL;
    } else if (httpd_queue_work(peek(gs->server), run_queued, gs) != ESP_OK) {
        stop_enter();
        /* Taken back, if it is still there and the last one. Otherwise it was served, or another one's datagram will.
         */
        if (gs->work_added == own + 1 && (int)(own - gs->work_first) >= 0) {
            gs->work_added = own;
            err = ESP_FAIL;
        }
        stop_exit();
    }
    leases_give(gs);
    return err;
}
