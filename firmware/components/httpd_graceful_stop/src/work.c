/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Work queued for the server task, of which nothing is lost.
 *
 * ESP-IDF carries each item in a datagram, which its control socket may drop without a word when it holds six. Here the
 * items wait in a list, and the datagram only says that there is something in it: one that arrives serves all items.
 * What is still in the list when the server has stopped is cancelled.
 */
#include <stdlib.h>

#include "stop_object.h"

struct work_item {
    work_item_t *next;
    uint32_t id;
    httpd_work_fn_t work;
    httpd_work_fn_t cancel;
    void *arg;
};

void work_create(httpd_graceful_stop_handle_t gs)
{
    gs->work_head = NULL;
    gs->work_tail = &gs->work_head;
}

static bool append(httpd_graceful_stop_handle_t gs, work_item_t *item, uint32_t *id)
{
    portENTER_CRITICAL(&stop_mux);
    bool room = gs->work_count < STOP_MAX_WORK;
    if (room) {
        item->id = *id = gs->work_next_id++;
        *gs->work_tail = item;
        gs->work_tail = &item->next;
        gs->work_count++;
    }
    portEXIT_CRITICAL(&stop_mux);
    return room;
}

/* Takes out the item with that id (never by its address: it may have run, been freed and been another's since). */
static work_item_t *take(httpd_graceful_stop_handle_t gs, const uint32_t *id)
{
    portENTER_CRITICAL(&stop_mux);
    work_item_t **link = &gs->work_head;
    while (id != NULL && *link != NULL && (*link)->id != *id) {
        link = &(*link)->next;
    }
    work_item_t *item = *link;
    if (item != NULL) {
        *link = item->next;
        if (gs->work_tail == &item->next) {
            gs->work_tail = link;
        }
        gs->work_count--;
    }
    portEXIT_CRITICAL(&stop_mux);
    return item;
}

/* On the server task. No more than were there at first, or an item that queues itself again would keep it here. */
static void run_queued(void *arg)
{
    httpd_graceful_stop_handle_t gs = arg;
    portENTER_CRITICAL(&stop_mux);
    unsigned count = gs->work_count;
    portEXIT_CRITICAL(&stop_mux);
    while (count-- > 0) {
        work_item_t *item = take(gs, NULL);
        if (item == NULL) {
            break;
        }
        item->work(item->arg);
        free(item);
    }
}

esp_err_t httpd_graceful_stop_queue_work(httpd_graceful_stop_handle_t gs, httpd_work_fn_t work, httpd_work_fn_t cancel,
                                         void *arg)
{
    if (work == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = httpd_graceful_stop_lease(gs); /* the server must not go before the datagram is out */
    if (err != ESP_OK) {
        return err;
    }
    work_item_t *item = calloc(1, sizeof(*item));
    if (item == NULL) {
        err = ESP_ERR_NO_MEM;
        goto out;
    }
    item->work = work;
    item->cancel = cancel;
    item->arg = arg;
    uint32_t id = 0;
    if (!append(gs, item, &id)) {
        free(item);
        err = ESP_FAIL;
        goto out;
    }
    if (httpd_queue_work(atomic_load(&gs->server), run_queued, gs) != ESP_OK) {
        item = take(gs, &id);
        if (item != NULL) { /* otherwise an earlier datagram has served it */
            free(item);
            err = ESP_FAIL;
        }
    }
out:
    httpd_graceful_stop_release(gs);
    return err;
}

void work_cancel_all(httpd_graceful_stop_handle_t gs)
{
    work_item_t *item;
    while ((item = take(gs, NULL)) != NULL) {
        if (item->cancel != NULL) {
            item->cancel(item->arg);
        }
        free(item);
    }
}
