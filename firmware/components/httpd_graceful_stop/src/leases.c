/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Leases: who holds one may use the server's handle, and httpd_stop() waits. An async request holds one from begin to
 * complete; without it httpd_stop() would free the session under its worker.
 */
#include "stop_object.h"

esp_err_t leases_take(httpd_graceful_stop_handle_t handle, stop_object_t **out)
{
    stop_enter();
    stop_object_t *gs = *out = stop_object(handle);
    esp_err_t err = gs == NULL ? ESP_ERR_INVALID_ARG : stop_change_state(gs, STATE_RUNNING, STATE_RUNNING);
    if (err == ESP_OK) {
        poke(gs->leases, peek(gs->leases) + 1);
    }
    stop_exit();
    return err;
}

void leases_give(stop_object_t *gs)
{
    stop_enter();
    poke(gs->leases,
         peek(gs->leases) - 1); /* from here on the server may stop and the object be deleted, but for the hold */
    gs->held++;
    stop_exit();
    stop_notify(gs);
    stop_let_go(gs);
}

esp_err_t httpd_graceful_stop_lease(httpd_graceful_stop_handle_t handle)
{
    stop_object_t *gs;
    stop_enter();
    esp_err_t err = leases_take(handle, &gs);
    if (err == ESP_OK) {
        poke(gs->pushers, peek(gs->pushers) + 1);
    }
    stop_exit();
    return err;
}

esp_err_t httpd_graceful_stop_release(httpd_graceful_stop_handle_t handle)
{
    stop_enter();
    stop_object_t *gs = stop_object(handle);
    unsigned pushers = gs != NULL ? peek(gs->pushers) : 0;
    if (pushers != 0) {
        poke(gs->pushers, pushers - 1);
    }
    stop_exit();
    if (pushers == 0) { /* or a worker's lease would be given back, and its session go under it */
        return gs != NULL ? ESP_ERR_INVALID_STATE : ESP_ERR_INVALID_ARG;
    }
    leases_give(gs); /* until here that lease is out, and the object stays */
    return ESP_OK;
}

esp_err_t httpd_graceful_stop_async_begin(httpd_req_t *req, httpd_req_t **copy)
{
    if (req == NULL || copy == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!IDF_HAS_ASYNC_REQUESTS) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    stop_object_t *gs = stop_find(req->handle); /* its server runs this handler, so it does not go */
    esp_err_t err = gs == NULL ? ESP_ERR_INVALID_ARG : leases_take(gs->handle, &gs);
    if (err == ESP_OK) {
        err = httpd_req_async_handler_begin(req, copy);
        if (err == ESP_OK) {
            sessions_set_async(gs, httpd_req_to_sockfd(req), NULL, *copy);
        } else {
            leases_give(gs);
        }
    }
    return err;
}

esp_err_t httpd_graceful_stop_async_complete(httpd_req_t *copy)
{
    stop_object_t *gs = copy != NULL ? stop_find(copy->handle) : NULL;
    if (gs == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    sessions_set_async(gs, 0, copy, NULL); /* before it is freed, and its address another copy's */
    esp_err_t err = httpd_req_async_handler_complete(copy);
    leases_give(gs);
    return err;
}
