/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a TLS server has besides a plain one.
 */
#pragma once

#include "esp_https_server.h"

#define HTTPS_TAG "esp_https_server"

struct https_server {
    esp_tls_cfg_server_t tls_cfg; /* with copies of certificates and key */
    httpd_open_func_t open_fn;    /* the user's */
    esp_https_server_user_cb *user_cb;
};

/* https_events.c */
void https_post_event(esp_https_server_event_id_t id, const void *data, size_t size);
void https_post_error(esp_tls_t *tls);

/* https_session.c: open_fn of the server below, in its task */
esp_err_t https_session_open(httpd_handle_t handle, int sockfd);
