/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP server's public face, as ESP-IDF 5.4 has it: same names, types, numbers and defaults, so that the firmware
 * compiles unchanged for the native board and for a chip. What each call does is told in ESP-IDF's own documentation;
 * a comment here says only what a reader of this port must know besides.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include <http_parser.h>

#include "esp_err.h"
#include "esp_event.h"
#include "esp_heap_caps.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "sdkconfig.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Events, errors --------------------------------------------------------------------------------------------- */

ESP_EVENT_DECLARE_BASE(ESP_HTTP_SERVER_EVENT);

/** Posted to the default event loop. */
typedef enum {
    HTTP_SERVER_EVENT_ERROR = 0,    /*!< an error response was sent; data: httpd_err_code_t */
    HTTP_SERVER_EVENT_START,        /*!< httpd_start() is about to return ESP_OK */
    HTTP_SERVER_EVENT_ON_CONNECTED, /*!< a session began; data: int fd */
    HTTP_SERVER_EVENT_ON_HEADER,    /*!< a request's headers are complete; data: int fd */
    HTTP_SERVER_EVENT_HEADERS_SENT, /*!< httpd_resp_send() has sent the headers; data: int fd */
    HTTP_SERVER_EVENT_ON_DATA,      /*!< a part of a body was read; data: esp_http_server_event_data */
    HTTP_SERVER_EVENT_SENT_DATA,    /*!< a response or chunk was sent; data: esp_http_server_event_data */
    HTTP_SERVER_EVENT_DISCONNECTED, /*!< a session's socket was closed; data: int fd */
    HTTP_SERVER_EVENT_STOP,         /*!< httpd_stop() is about to return ESP_OK */
} esp_http_server_event_id_t;

typedef struct {
    int fd;
    int data_len;
} esp_http_server_event_data;

#define ESP_ERR_HTTPD_BASE           (0xb000)
#define ESP_ERR_HTTPD_HANDLERS_FULL  (ESP_ERR_HTTPD_BASE + 1)
#define ESP_ERR_HTTPD_HANDLER_EXISTS (ESP_ERR_HTTPD_BASE + 2)
#define ESP_ERR_HTTPD_INVALID_REQ    (ESP_ERR_HTTPD_BASE + 3)
#define ESP_ERR_HTTPD_RESULT_TRUNC   (ESP_ERR_HTTPD_BASE + 4)
#define ESP_ERR_HTTPD_RESP_HDR       (ESP_ERR_HTTPD_BASE + 5)
#define ESP_ERR_HTTPD_RESP_SEND      (ESP_ERR_HTTPD_BASE + 6)
#define ESP_ERR_HTTPD_ALLOC_MEM      (ESP_ERR_HTTPD_BASE + 7)
#define ESP_ERR_HTTPD_TASK           (ESP_ERR_HTTPD_BASE + 8)

/* ---- Server ----------------------------------------------------------------------------------------------------- */

#define ESP_HTTPD_DEF_CTRL_PORT (32768)

typedef void *httpd_handle_t;
typedef enum http_method httpd_method_t;

/** As a handler's method: any method. */
#define HTTP_ANY INT_MAX

typedef void (*httpd_free_ctx_fn_t)(void *ctx);

/** Runs in the server task for each new session. An error makes the server close the socket twice, as ESP-IDF does. */
typedef esp_err_t (*httpd_open_func_t)(httpd_handle_t hd, int sockfd);

/** Runs in the server task when a session ends. It must close the socket itself. */
typedef void (*httpd_close_func_t)(httpd_handle_t hd, int sockfd);

typedef bool (*httpd_uri_match_func_t)(const char *reference_uri, const char *uri_to_match, size_t match_upto);

typedef struct httpd_config {
    unsigned task_priority;
    size_t stack_size; /*!< bytes; only the low 16 bits count, as in ESP-IDF 5.4 */
    BaseType_t core_id;
    uint32_t task_caps; /*!< capabilities of the memory the task's stack is taken from */
    uint16_t server_port;
    uint16_t ctrl_port;        /*!< UDP port on 127.0.0.1; each server needs one of its own */
    uint16_t max_open_sockets; /*!< sessions at a time; the server takes three more sockets for itself */
    uint16_t max_uri_handlers;
    uint16_t max_resp_headers;
    uint16_t backlog_conn;
    bool lru_purge_enable;      /*!< a new client ends the session that was used least recently */
    uint16_t recv_wait_timeout; /*!< seconds */
    uint16_t send_wait_timeout; /*!< seconds */
    void *global_user_ctx;
    httpd_free_ctx_fn_t global_user_ctx_free_fn; /*!< NULL: free() */
    void *global_transport_ctx;
    httpd_free_ctx_fn_t global_transport_ctx_free_fn; /*!< NULL: free() */
    bool enable_so_linger;
    int linger_timeout; /*!< seconds */
    bool keep_alive_enable;
    int keep_alive_idle;     /*!< seconds; 0: 5 */
    int keep_alive_interval; /*!< seconds; 0: 5 */
    int keep_alive_count;    /*!< 0: 3 */
    httpd_open_func_t open_fn;
    httpd_close_func_t close_fn;
    httpd_uri_match_func_t uri_match_fn; /*!< NULL: the path must be equal */
} httpd_config_t;

/* clang-format off */
#define HTTPD_DEFAULT_CONFIG()                                     \
    {                                                              \
        .task_priority = tskIDLE_PRIORITY + 5,                     \
        .stack_size = 4096,                                        \
        .core_id = tskNO_AFFINITY,                                 \
        .task_caps = (MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT),      \
        .server_port = 80,                                         \
        .ctrl_port = ESP_HTTPD_DEF_CTRL_PORT,                      \
        .max_open_sockets = 7,                                     \
        .max_uri_handlers = 8,                                     \
        .max_resp_headers = 8,                                     \
        .backlog_conn = 5,                                         \
        .lru_purge_enable = false,                                 \
        .recv_wait_timeout = 5,                                    \
        .send_wait_timeout = 5,                                    \
        .global_user_ctx = NULL,                                   \
        .global_user_ctx_free_fn = NULL,                           \
        .global_transport_ctx = NULL,                              \
        .global_transport_ctx_free_fn = NULL,                      \
        .enable_so_linger = false,                                 \
        .linger_timeout = 0,                                       \
        .keep_alive_enable = false,                                \
        .keep_alive_idle = 0,                                      \
        .keep_alive_interval = 0,                                  \
        .keep_alive_count = 0,                                     \
        .open_fn = NULL,                                           \
        .close_fn = NULL,                                          \
        .uri_match_fn = NULL                                       \
    }
/* clang-format on */

esp_err_t httpd_start(httpd_handle_t *handle, const httpd_config_t *config);

/** Waits for the server task without any limit: a handler that does not return makes this call hang. */
esp_err_t httpd_stop(httpd_handle_t handle);

void *httpd_get_global_user_ctx(httpd_handle_t handle);
void *httpd_get_global_transport_ctx(httpd_handle_t handle);

/** Fills @p client_fds; read without a lock, so a descriptor in it may be stale. */
esp_err_t httpd_get_client_list(httpd_handle_t handle, size_t *fds, int *client_fds);

typedef void (*httpd_work_fn_t)(void *arg);

/** ESP_OK means sent, not received: the datagram is lost when six are waiting already. */
esp_err_t httpd_queue_work(httpd_handle_t handle, httpd_work_fn_t work, void *arg);

/* ---- URI and error handlers ------------------------------------------------------------------------------------- */

/** A request's headers together, with their line ends. */
#define HTTPD_MAX_REQ_HDR_LEN CONFIG_HTTPD_MAX_REQ_HDR_LEN
#define HTTPD_MAX_URI_LEN     CONFIG_HTTPD_MAX_URI_LEN

typedef struct httpd_req {
    httpd_handle_t handle;
    int method;
    const char uri[HTTPD_MAX_URI_LEN + 1];
    size_t content_len;
    void *aux; /*!< the server's own */
    void *user_ctx;
    void *sess_ctx;
    httpd_free_ctx_fn_t free_ctx;
    bool ignore_sess_ctx_changes;
} httpd_req_t;

typedef struct httpd_uri {
    const char *uri;
    httpd_method_t method;
    esp_err_t (*handler)(httpd_req_t *r); /*!< other than ESP_OK: the session is closed */
    void *user_ctx;
#ifdef CONFIG_HTTPD_WS_SUPPORT
    bool is_websocket;
    bool handle_ws_control_frames;
    const char *supported_subprotocol;
#if CONFIG_HTTPD_WS_PRE_HANDSHAKE_CB_SUPPORT
    esp_err_t (*ws_pre_handshake_cb)(httpd_req_t *req);
#endif
#endif
} httpd_uri_t;

esp_err_t httpd_register_uri_handler(httpd_handle_t handle, const httpd_uri_t *uri_handler);
esp_err_t httpd_unregister_uri_handler(httpd_handle_t handle, const char *uri, httpd_method_t method);
esp_err_t httpd_unregister_uri(httpd_handle_t handle, const char *uri);

/** For httpd_config_t::uri_match_fn: "*" at the end matches anything, "?" makes the character before it optional. */
bool httpd_uri_match_wildcard(const char *uri_template, const char *uri_to_match, size_t match_upto);

typedef enum {
    HTTPD_500_INTERNAL_SERVER_ERROR = 0,
    HTTPD_501_METHOD_NOT_IMPLEMENTED,
    HTTPD_505_VERSION_NOT_SUPPORTED,
    HTTPD_400_BAD_REQUEST,
    HTTPD_401_UNAUTHORIZED,
    HTTPD_403_FORBIDDEN,
    HTTPD_404_NOT_FOUND,
    HTTPD_405_METHOD_NOT_ALLOWED,
    HTTPD_408_REQ_TIMEOUT,
    HTTPD_411_LENGTH_REQUIRED,
    HTTPD_413_CONTENT_TOO_LARGE,
    HTTPD_414_URI_TOO_LONG,
    HTTPD_431_REQ_HDR_FIELDS_TOO_LARGE,
    HTTPD_ERR_CODE_MAX
} httpd_err_code_t;

/** ESP_OK keeps the session open, but for HTTPD_500_INTERNAL_SERVER_ERROR. */
typedef esp_err_t (*httpd_err_handler_func_t)(httpd_req_t *req, httpd_err_code_t error);

esp_err_t httpd_register_err_handler(httpd_handle_t handle, httpd_err_code_t error,
                                     httpd_err_handler_func_t handler_fn);

/* ---- Request ---------------------------------------------------------------------------------------------------- */

#define HTTPD_SOCK_ERR_FAIL    -1
#define HTTPD_SOCK_ERR_INVALID -2
#define HTTPD_SOCK_ERR_TIMEOUT -3

int httpd_req_to_sockfd(httpd_req_t *r);
int httpd_req_recv(httpd_req_t *r, char *buf, size_t buf_len);
size_t httpd_req_get_hdr_value_len(httpd_req_t *r, const char *field);
esp_err_t httpd_req_get_hdr_value_str(httpd_req_t *r, const char *field, char *val, size_t val_size);
size_t httpd_req_get_url_query_len(httpd_req_t *r);
esp_err_t httpd_req_get_url_query_str(httpd_req_t *r, char *buf, size_t buf_len);
esp_err_t httpd_query_key_value(const char *qry, const char *key, char *val, size_t val_size);
esp_err_t httpd_req_get_cookie_val(httpd_req_t *req, const char *cookie_name, char *val, size_t *val_size);

/** Copies the request for a worker; the session is left alone by the server task until it is completed. */
esp_err_t httpd_req_async_handler_begin(httpd_req_t *r, httpd_req_t **out);

/** Writes to the session and the server: both must still be there, and httpd_stop() does not wait for it. */
esp_err_t httpd_req_async_handler_complete(httpd_req_t *r);

/* ---- Response --------------------------------------------------------------------------------------------------- */

#define HTTPD_RESP_USE_STRLEN -1

#define HTTPD_200 "200 OK"
#define HTTPD_204 "204 No Content"
#define HTTPD_207 "207 Multi-Status"
#define HTTPD_400 "400 Bad Request"
#define HTTPD_404 "404 Not Found"
#define HTTPD_408 "408 Request Timeout"
#define HTTPD_500 "500 Internal Server Error"

#define HTTPD_TYPE_JSON  "application/json"
#define HTTPD_TYPE_TEXT  "text/html"
#define HTTPD_TYPE_OCTET "application/octet-stream"

/* The strings are kept by pointer until the response is sent. */
esp_err_t httpd_resp_set_status(httpd_req_t *r, const char *status);
esp_err_t httpd_resp_set_type(httpd_req_t *r, const char *type);
esp_err_t httpd_resp_set_hdr(httpd_req_t *r, const char *field, const char *value);

/* The first of these to be called forgets the request's headers. */
esp_err_t httpd_resp_send(httpd_req_t *r, const char *buf, ssize_t buf_len);
esp_err_t httpd_resp_send_chunk(httpd_req_t *r, const char *buf, ssize_t buf_len);
esp_err_t httpd_resp_send_err(httpd_req_t *req, httpd_err_code_t error, const char *msg);
esp_err_t httpd_resp_send_custom_err(httpd_req_t *req, const char *status, const char *msg);

static inline esp_err_t httpd_resp_sendstr(httpd_req_t *r, const char *str)
{
    return httpd_resp_send(r, str, str == NULL ? 0 : HTTPD_RESP_USE_STRLEN);
}

static inline esp_err_t httpd_resp_sendstr_chunk(httpd_req_t *r, const char *str)
{
    return httpd_resp_send_chunk(r, str, str == NULL ? 0 : HTTPD_RESP_USE_STRLEN);
}

static inline esp_err_t httpd_resp_send_404(httpd_req_t *r)
{
    return httpd_resp_send_err(r, HTTPD_404_NOT_FOUND, NULL);
}

static inline esp_err_t httpd_resp_send_408(httpd_req_t *r)
{
    return httpd_resp_send_err(r, HTTPD_408_REQ_TIMEOUT, NULL);
}

static inline esp_err_t httpd_resp_send_500(httpd_req_t *r)
{
    return httpd_resp_send_err(r, HTTPD_500_INTERNAL_SERVER_ERROR, NULL);
}

/** Sends as they are; may send less than asked. */
int httpd_send(httpd_req_t *r, const char *buf, size_t buf_len);
int httpd_socket_send(httpd_handle_t hd, int sockfd, const char *buf, size_t buf_len, int flags);
int httpd_socket_recv(httpd_handle_t hd, int sockfd, char *buf, size_t buf_len, int flags);

/* ---- Session ---------------------------------------------------------------------------------------------------- */

typedef int (*httpd_send_func_t)(httpd_handle_t hd, int sockfd, const char *buf, size_t buf_len, int flags);
typedef int (*httpd_recv_func_t)(httpd_handle_t hd, int sockfd, char *buf, size_t buf_len, int flags);
typedef int (*httpd_pending_func_t)(httpd_handle_t hd, int sockfd);

esp_err_t httpd_sess_set_recv_override(httpd_handle_t hd, int sockfd, httpd_recv_func_t recv_func);
esp_err_t httpd_sess_set_send_override(httpd_handle_t hd, int sockfd, httpd_send_func_t send_func);
esp_err_t httpd_sess_set_pending_override(httpd_handle_t hd, int sockfd, httpd_pending_func_t pending_func);

void *httpd_sess_get_ctx(httpd_handle_t handle, int sockfd);
void httpd_sess_set_ctx(httpd_handle_t handle, int sockfd, void *ctx, httpd_free_ctx_fn_t free_fn);
void *httpd_sess_get_transport_ctx(httpd_handle_t handle, int sockfd);
void httpd_sess_set_transport_ctx(httpd_handle_t handle, int sockfd, void *ctx, httpd_free_ctx_fn_t free_fn);

/** Queued with the place of the session in the table: by the time it is done, a newer client may sit there. */
esp_err_t httpd_sess_trigger_close(httpd_handle_t handle, int sockfd);
esp_err_t httpd_sess_update_lru_counter(httpd_handle_t handle, int sockfd);

/* ---- WebSocket -------------------------------------------------------------------------------------------------- */

#ifdef CONFIG_HTTPD_WS_SUPPORT
typedef enum {
    HTTPD_WS_TYPE_CONTINUE = 0x0,
    HTTPD_WS_TYPE_TEXT = 0x1,
    HTTPD_WS_TYPE_BINARY = 0x2,
    HTTPD_WS_TYPE_CLOSE = 0x8,
    HTTPD_WS_TYPE_PING = 0x9,
    HTTPD_WS_TYPE_PONG = 0xA
} httpd_ws_type_t;

typedef enum {
    HTTPD_WS_CLIENT_INVALID = 0x0,
    HTTPD_WS_CLIENT_HTTP = 0x1,
    HTTPD_WS_CLIENT_WEBSOCKET = 0x2,
} httpd_ws_client_info_t;

typedef struct httpd_ws_frame {
    bool final;      /*!< received: the FIN bit; to be sent: counts only when `fragmented` */
    bool fragmented; /*!< to be sent: a part of a message, FIN as `final` says */
    httpd_ws_type_t type;
    uint8_t *payload;
    size_t len;
} httpd_ws_frame_t;

typedef void (*transfer_complete_cb)(esp_err_t err, int socket, void *arg);

/** With @p max_len 0: only the length. Then again with a buffer: the payload. */
esp_err_t httpd_ws_recv_frame(httpd_req_t *req, httpd_ws_frame_t *pkt, size_t max_len);
esp_err_t httpd_ws_send_frame(httpd_req_t *req, httpd_ws_frame_t *pkt);

/** Sends at once, in the calling task; the name means that no request is needed. */
esp_err_t httpd_ws_send_frame_async(httpd_handle_t hd, int fd, httpd_ws_frame_t *frame);
httpd_ws_client_info_t httpd_ws_get_fd_info(httpd_handle_t hd, int fd);

/** Sends in the server task and waits, for ever if the control datagram is lost or the server stops first. */
esp_err_t httpd_ws_send_data(httpd_handle_t handle, int socket, httpd_ws_frame_t *frame);
esp_err_t httpd_ws_send_data_async(httpd_handle_t handle, int socket, httpd_ws_frame_t *frame,
                                   transfer_complete_cb callback, void *arg);
#endif

#ifdef __cplusplus
}
#endif
