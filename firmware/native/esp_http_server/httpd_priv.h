/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the server's files share: the server, its table of sessions, and the exchange (one request and its response).
 *
 * Everything here belongs to the server task and has no lock, as in ESP-IDF: public calls from other tasks read it as
 * it happens to be.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "esp_http_server.h"

/* A request is read in blocks of this size; what follows it in its last block is kept for the next one. */
#define HTTPD_BLOCK_BYTES 128

/* Holds a request line or a header section, whichever may be longer, and later the response's first headers. */
#define HTTPD_SCRATCH_BYTES \
    ((HTTPD_MAX_REQ_HDR_LEN > HTTPD_MAX_URI_LEN ? HTTPD_MAX_REQ_HDR_LEN : HTTPD_MAX_URI_LEN) + 1)

#define HTTPD_FREE_SLOT (-1)

struct httpd_server;

struct httpd_session {
    int fd; /* HTTPD_FREE_SLOT: nobody here */
    struct httpd_server *server;
    _Atomic bool async; /* a worker owns the socket: not selected, not purged */
    bool purging;       /* its end was queued to make room */
    uint64_t last_used; /* position in the server's count of requests; 0: none was finished */

    void *ctx;
    httpd_free_ctx_fn_t free_ctx;
    bool ignore_ctx_changes;
    void *transport_ctx;
    httpd_free_ctx_fn_t free_transport_ctx;

    httpd_send_func_t send_fn;
    httpd_recv_func_t recv_fn;
    httpd_pending_func_t pending_fn;

    size_t pending_len; /* bytes at the end of `pending` that were received, but not yet used */
    char pending[HTTPD_BLOCK_BYTES];

#ifdef CONFIG_HTTPD_WS_SUPPORT
    bool ws_open; /* the handshake is done */
    bool ws_closing;
    bool ws_control_frames;
    esp_err_t (*ws_handler)(httpd_req_t *req);
    void *ws_user_ctx;
#endif
};

struct httpd_response_header {
    const char *field;
    const char *value;
};

/* Behind httpd_req_t::aux. */
struct httpd_exchange {
    struct httpd_session *session;
    struct http_parser_url url;
    size_t body_left;
    unsigned header_count; /* pairs of strings in `scratch`: field, value, field, value, ... */
    char scratch[HTTPD_SCRATCH_BYTES];

    const char *status;
    const char *type;
    bool chunked_begun;
    unsigned response_header_count;
    struct httpd_response_header *response_headers;

#ifdef CONFIG_HTTPD_WS_SUPPORT
    bool ws_upgrade;
    bool ws_final;
    httpd_ws_type_t ws_type;
    uint8_t ws_mask[4];
#endif
};

enum httpd_state {
    HTTPD_IDLE,
    HTTPD_RUNNING,
    HTTPD_STOPPING,
    HTTPD_STOPPED,
};

struct httpd_server {
    httpd_config_t config;
    int listen_fd;
    int control_fd; /* receives what */
    int message_fd; /* sends */
    TaskHandle_t task;
    _Atomic enum httpd_state state; /* polled by httpd_stop() */

    struct httpd_session *sessions; /* config.max_open_sockets */
    unsigned session_count;
    uint64_t requests; /* the clock of last_used */

    httpd_uri_t *handlers; /* config.max_uri_handlers, in the order of registration, without gaps */
    unsigned handler_count;
    httpd_err_handler_func_t error_handlers[HTTPD_ERR_CODE_MAX];

    httpd_req_t request; /* the one being served */
    struct httpd_exchange exchange;
};

/* httpd_main.c */
void httpd_post_event(esp_http_server_event_id_t id, const void *data, size_t size);

/* httpd_control.c: datagrams from any task to the server task */
enum httpd_control {
    HTTPD_CONTROL_SHUTDOWN,
    HTTPD_CONTROL_WORK,
    HTTPD_CONTROL_WAKE, /* only ends the select */
};
int httpd_control_open(uint16_t port);
esp_err_t httpd_control_send(int message_fd, uint16_t port, enum httpd_control kind, httpd_work_fn_t work, void *arg);
void httpd_control_receive(struct httpd_server *server);

/* httpd_session.c */
void httpd_sessions_clear(struct httpd_server *server);
struct httpd_session *httpd_session_find(struct httpd_server *server, int fd);
struct httpd_session *httpd_session_free_slot(struct httpd_server *server);
esp_err_t httpd_session_open(struct httpd_server *server, int fd);
void httpd_session_close(struct httpd_session *session);
void httpd_sessions_close_all(struct httpd_server *server);
void httpd_sessions_close_invalid(struct httpd_server *server);
esp_err_t httpd_session_purge_oldest(struct httpd_server *server);
int httpd_sessions_select_set(const struct httpd_server *server, fd_set *read_set);
bool httpd_session_has_data(const struct httpd_session *session, const fd_set *read_set);
esp_err_t httpd_session_queue_close(struct httpd_session *session);
void httpd_ctx_release(void **ctx, httpd_free_ctx_fn_t free_fn);

/* httpd_txrx.c */
enum httpd_receive_mode {
    HTTPD_RECEIVE_SOME,    /* what is kept and, if that is not enough, one recv() */
    HTTPD_RECEIVE_PENDING, /* nothing but what is kept, if anything is */
    HTTPD_RECEIVE_ALL,     /* until the buffer is full */
};
int httpd_receive(struct httpd_session *session, char *buf, size_t len, enum httpd_receive_mode mode);
void httpd_keep_pending(struct httpd_session *session, const char *data, size_t len);
esp_err_t httpd_send_all(struct httpd_session *session, const char *buf, size_t len);
int httpd_socket_default_send(httpd_handle_t hd, int sockfd, const char *buf, size_t buf_len, int flags);
int httpd_socket_default_recv(httpd_handle_t hd, int sockfd, char *buf, size_t buf_len, int flags);

/* httpd_request.c */
esp_err_t httpd_session_serve(struct httpd_session *session);
bool httpd_request_valid(const httpd_req_t *req);

static inline struct httpd_exchange *httpd_exchange_of(const httpd_req_t *req)
{
    return (struct httpd_exchange *)req->aux;
}

/* httpd_headers.c */
void httpd_copy_truncated(char *to, size_t size, const char *from, size_t len);

/* httpd_parse.c */
esp_err_t httpd_parse_request(struct httpd_server *server);

/* httpd_uri.c */
esp_err_t httpd_dispatch(struct httpd_server *server);
void httpd_handlers_free(struct httpd_server *server);

/* httpd_response.c */
esp_err_t httpd_answer_error(httpd_req_t *req, httpd_err_code_t error);

/* httpd_ws.c, httpd_ws_handshake.c */
#ifdef CONFIG_HTTPD_WS_SUPPORT
esp_err_t httpd_ws_handshake(httpd_req_t *req, const char *subprotocol);
esp_err_t httpd_ws_begin_frame(httpd_req_t *req);
#endif
