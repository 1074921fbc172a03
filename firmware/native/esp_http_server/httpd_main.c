/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A server's life: start, the one task with its select loop, stop.
 *
 * Every handler runs in that task, so a handler that does not return keeps the loop from everything else: from other
 * clients, from queued work, and from the message that asks the server to stop. httpd_stop() waits all the same.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include "esp_log.h"
#include "httpd_priv.h"

static const char *TAG = "httpd";

#define OWN_SOCKETS  3 /* listener, control, message */
#define STOP_POLL_MS 100

#if CONFIG_HTTPD_SERVER_EVENT_POST_TIMEOUT == -1
#define EVENT_POST_TICKS portMAX_DELAY
#else
#define EVENT_POST_TICKS pdMS_TO_TICKS(CONFIG_HTTPD_SERVER_EVENT_POST_TIMEOUT)
#endif

ESP_EVENT_DEFINE_BASE(ESP_HTTP_SERVER_EVENT);

void httpd_post_event(esp_http_server_event_id_t id, const void *data, size_t size)
{
    esp_err_t err = esp_event_post(ESP_HTTP_SERVER_EVENT, id, data, size, EVENT_POST_TICKS);
    if (err != ESP_OK) {
        ESP_LOGE(TAG, "Failed to post esp_http_server event: %s", esp_err_to_name(err));
    }
}

/* ---- New clients ------------------------------------------------------------------------------------------------ */

static bool set_option(int fd, int level, int option, const char *name, const void *value, socklen_t size)
{
    if (setsockopt(fd, level, option, value, size) < 0) {
        ESP_LOGE(TAG, "httpd_accept_conn: error in setsockopt %s (%d)", name, errno);
        return false;
    }
    return true;
}

static bool set_client_options(const httpd_config_t *config, int fd)
{
    struct timeval receive = {.tv_sec = config->recv_wait_timeout};
    struct timeval send = {.tv_sec = config->send_wait_timeout};
    if (!set_option(fd, SOL_SOCKET, SO_RCVTIMEO, "SO_RCVTIMEO", &receive, sizeof(receive)) ||
        !set_option(fd, SOL_SOCKET, SO_SNDTIMEO, "SO_SNDTIMEO", &send, sizeof(send))) {
        return false;
    }
    if (!config->keep_alive_enable) {
        return true;
    }
    int on = 1;
    int idle_s = config->keep_alive_idle ? config->keep_alive_idle : 5;
    int interval_s = config->keep_alive_interval ? config->keep_alive_interval : 5;
    int count = config->keep_alive_count ? config->keep_alive_count : 3;
    return set_option(fd, SOL_SOCKET, SO_KEEPALIVE, "SO_KEEPALIVE", &on, sizeof(on)) &&
           set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, "TCP_KEEPIDLE", &idle_s, sizeof(idle_s)) &&
           set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, "TCP_KEEPINTVL", &interval_s, sizeof(interval_s)) &&
           set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, "TCP_KEEPCNT", &count, sizeof(count));
}

static esp_err_t accept_client(struct httpd_server *server)
{
    if (server->config.lru_purge_enable && httpd_session_free_slot(server) == NULL) {
        /* The client stays in the backlog, so the listener is ready again once the purge has been carried out. */
        return httpd_session_purge_oldest(server);
    }
    struct sockaddr_storage from;
    socklen_t from_len = sizeof(from);
    int fd = accept(server->listen_fd, (struct sockaddr *)&from, &from_len);
    if (fd < 0) {
        ESP_LOGE(TAG, "httpd_accept_conn: error in accept (%d)", errno);
        return ESP_FAIL;
    }
    if (!set_client_options(&server->config, fd)) {
        close(fd);
        return ESP_FAIL;
    }
    if (httpd_session_open(server, fd) != ESP_OK) {
        ESP_LOGE(TAG, "httpd_accept_conn: session creation failed");
        close(fd); /* when open_fn refused the client this is the second time: whoever got the number loses it */
        return ESP_FAIL;
    }
    httpd_post_event(HTTP_SERVER_EVENT_ON_CONNECTED, &fd, sizeof(fd));
    return ESP_OK;
}

/* ---- The task --------------------------------------------------------------------------------------------------- */

static void serve_sessions(struct httpd_server *server, const fd_set *read_set)
{
    for (unsigned i = 0; i < server->config.max_open_sockets; i++) {
        struct httpd_session *session = &server->sessions[i];
        if (session->fd < 0 || session->async || !httpd_session_has_data(session, read_set)) {
            continue;
        }
        if (httpd_session_serve(session) == ESP_OK) {
            session->last_used = ++server->requests;
        } else {
            httpd_session_close(session);
        }
    }
}

/* One turn: control message, sessions, listener, in this order. */
static void turn(struct httpd_server *server)
{
    fd_set read_set;
    FD_ZERO(&read_set);
    int highest = httpd_sessions_select_set(server, &read_set);
    if (server->config.lru_purge_enable || httpd_session_free_slot(server) != NULL) {
        FD_SET(server->listen_fd, &read_set);
    }
    FD_SET(server->control_fd, &read_set);
    if (server->listen_fd > highest) {
        highest = server->listen_fd;
    }
    if (server->control_fd > highest) {
        highest = server->control_fd;
    }

    if (select(highest + 1, &read_set, NULL, NULL, NULL) < 0) {
        ESP_LOGE(TAG, "httpd_server: error in select (%d)", errno);
        httpd_sessions_close_invalid(server);
        return;
    }
    if (FD_ISSET(server->control_fd, &read_set)) {
        httpd_control_receive(server);
        if (server->state == HTTPD_STOPPING) {
            return;
        }
    }
    serve_sessions(server, &read_set);
    if (FD_ISSET(server->listen_fd, &read_set) && accept_client(server) != ESP_OK) {
        ESP_LOGW(TAG, "httpd_server: error accepting new connection");
    }
}

static void server_task(void *arg)
{
    struct httpd_server *server = arg;
    server->state = HTTPD_RUNNING;
    while (server->state != HTTPD_STOPPING) {
        turn(server);
    }
    close(server->message_fd);
    close(server->control_fd);
    httpd_sessions_close_all(server);
    close(server->listen_fd);
    server->state = HTTPD_STOPPED; /* from here on httpd_stop() may free the server */
    vTaskDelete(NULL);
}

/* ---- Start ------------------------------------------------------------------------------------------------------ */

static int listener_open(const httpd_config_t *config)
{
    int fd = socket(PF_INET, SOCK_STREAM, 0);
    if (fd < 0) {
        ESP_LOGE(TAG, "httpd_server_init: error in socket (%d)", errno);
        return -1;
    }
    int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0) {
        ESP_LOGW(TAG, "httpd_server_init: error in setsockopt SO_REUSEADDR (%d)", errno);
    }
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(config->server_port),
        .sin_addr = {.s_addr = htonl(INADDR_ANY)},
    };
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        ESP_LOGE(TAG, "httpd_server_init: error in bind (%d)", errno);
        close(fd);
        return -1;
    }
    if (listen(fd, config->backlog_conn) < 0) {
        ESP_LOGE(TAG, "httpd_server_init: error in listen (%d)", errno);
        close(fd);
        return -1;
    }
    return fd;
}

static esp_err_t sockets_open(struct httpd_server *server)
{
    server->listen_fd = listener_open(&server->config);
    if (server->listen_fd < 0) {
        return ESP_FAIL;
    }
    server->control_fd = httpd_control_open(server->config.ctrl_port);
    if (server->control_fd < 0) {
        ESP_LOGE(TAG, "httpd_server_init: error in creating ctrl socket (%d)", errno);
        close(server->listen_fd);
        return ESP_FAIL;
    }
    server->message_fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
    if (server->message_fd < 0) {
        ESP_LOGE(TAG, "httpd_server_init: error in creating msg socket (%d)", errno);
        close(server->listen_fd);
        close(server->control_fd);
        return ESP_FAIL;
    }
    return ESP_OK;
}

static void server_free(struct httpd_server *server)
{
    if (server == NULL) {
        return;
    }
    httpd_handlers_free(server);
    free(server->exchange.response_headers);
    free(server->sessions);
    free(server);
}

static struct httpd_server *server_allocate(const httpd_config_t *config)
{
    struct httpd_server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        return NULL;
    }
    server->config = *config;
    server->handlers = calloc(config->max_uri_handlers, sizeof(*server->handlers));
    server->sessions = calloc(config->max_open_sockets, sizeof(*server->sessions));
    server->exchange.response_headers = calloc(config->max_resp_headers, sizeof(struct httpd_response_header));
    if (server->handlers == NULL || server->sessions == NULL || server->exchange.response_headers == NULL) {
        server_free(server);
        return NULL;
    }
    httpd_sessions_clear(server);
    return server;
}

esp_err_t httpd_start(httpd_handle_t *handle, const httpd_config_t *config)
{
    if (handle == NULL || config == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    if (config->max_open_sockets + OWN_SOCKETS > CONFIG_LWIP_MAX_SOCKETS) {
        ESP_LOGE(
            TAG,
            "Config option max_open_sockets is too large (max allowed %d, 3 sockets used by HTTP server internally)"
            "\n\tEither decrease this or configure LWIP_MAX_SOCKETS to a larger value",
            CONFIG_LWIP_MAX_SOCKETS - OWN_SOCKETS);
        return ESP_ERR_INVALID_ARG;
    }
    struct httpd_server *server = server_allocate(config);
    if (server == NULL) {
        ESP_LOGE(TAG, "httpd_create: Failed to allocate memory for HTTP server instance");
        return ESP_ERR_HTTPD_ALLOC_MEM;
    }
    if (sockets_open(server) != ESP_OK) {
        server_free(server);
        return ESP_FAIL;
    }
    /* The stack's size is 16 bits wide on its way to the kernel; task_caps choose nothing, as memory is of one kind. */
    if (xTaskCreatePinnedToCore(server_task, "httpd", (uint16_t)config->stack_size, server, config->task_priority,
                                &server->task, config->core_id) != pdPASS) {
        server_free(server); /* the three sockets stay open, as in ESP-IDF 5.4 */
        return ESP_ERR_HTTPD_TASK;
    }
    *handle = server;
    httpd_post_event(HTTP_SERVER_EVENT_START, NULL, 0);
    return ESP_OK;
}

/* ---- Stop ------------------------------------------------------------------------------------------------------- */

esp_err_t httpd_stop(httpd_handle_t handle)
{
    struct httpd_server *server = handle;
    if (server == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    if (httpd_control_send(server->message_fd, server->config.ctrl_port, HTTPD_CONTROL_SHUTDOWN, NULL, NULL) !=
        ESP_OK) {
        ESP_LOGE(TAG, "Failed to send shutdown signal err=%d", -1);
        return ESP_FAIL;
    }
    while (server->state != HTTPD_STOPPED) {
        vTaskDelay(pdMS_TO_TICKS(STOP_POLL_MS));
    }
    httpd_ctx_release(&server->config.global_user_ctx, server->config.global_user_ctx_free_fn);
    httpd_ctx_release(&server->config.global_transport_ctx, server->config.global_transport_ctx_free_fn);
    server_free(server);
    httpd_post_event(HTTP_SERVER_EVENT_STOP, NULL, 0);
    return ESP_OK;
}

void *httpd_get_global_user_ctx(httpd_handle_t handle)
{
    return ((struct httpd_server *)handle)->config.global_user_ctx;
}

void *httpd_get_global_transport_ctx(httpd_handle_t handle)
{
    return ((struct httpd_server *)handle)->config.global_transport_ctx;
}
