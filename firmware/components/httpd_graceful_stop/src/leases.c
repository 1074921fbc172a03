/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Leases: who holds one may use the server's handle, and httpd_stop() waits. An async request holds one from begin to
 * complete; without it httpd_stop() would free the session under its worker.
 */
#include "stop_object.h"

esp_err_t httpd_graceful_stop_lease(httpd_graceful_stop_handle_t gs)
{
    if (!stop_is_known(gs)) {
        return ESP_ERR_INVALID_ARG;
    }
    /* Taken first, then the question: the helper sets STOPPING first and then counts. */
    atomic_fetch_add(&gs->leases, 1);
    if (atomic_load(&gs->state) != STATE_RUNNING) {
        httpd_graceful_stop_release(gs);
        return ESP_ERR_INVALID_STATE;
    }
    return ESP_OK;
}

void httpd_graceful_stop_release(httpd_graceful_stop_handle_t gs)
{
    /* From the decrement on the server may stop and the object be deleted: delete() waits for those in here. */
    atomic_fetch_add(&gs->releasing, 1);
    atomic_fetch_sub(&gs->leases, 1);
    stop_notify(gs);
    atomic_fetch_sub(&gs->releasing, 1);
}

esp_err_t httpd_graceful_stop_async_begin(httpd_req_t *req, httpd_req_t **copy)
{
    if (req == NULL || copy == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!IDF_HAS_ASYNC_REQUESTS) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    httpd_graceful_stop_handle_t gs = stop_find(req->handle);
    esp_err_t err = httpd_graceful_stop_lease(gs);
    if (err != ESP_OK) {
        return err;
    }
    err = httpd_req_async_handler_begin(req, copy);
    if (err != ESP_OK) {
        httpd_graceful_stop_release(gs);
        return err;
    }
    atomic_fetch_add(&gs->async_leases, 1);
    sessions_set_async(gs, httpd_req_to_sockfd(req), *copy);
    return ESP_OK;
}

esp_err_t httpd_graceful_stop_async_complete(httpd_req_t *copy)
{
    httpd_graceful_stop_handle_t gs = copy != NULL ? stop_find(copy->handle) : NULL;
    if (gs == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    sessions_clear_async(gs, copy); /* before it is freed, and its address another copy's */
    esp_err_t err = httpd_req_async_handler_complete(copy);
    atomic_fetch_sub(&gs->async_leases, 1);
    httpd_graceful_stop_release(gs);
    return err;
}
