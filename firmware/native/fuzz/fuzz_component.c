/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * httpd_graceful_stop from all sides: three tasks create, start, stop and delete, lease and give back, register and
 * queue; clients come and go; handlers stream, hand over to workers, or do what they must not. The input says who does
 * what, and who goes on at each point where one task can overtake another.
 */
#include "fuzz.h"

#include "httpd_graceful_stop.h"

#include "server_stand_in.h"
#include "tasks_stand_in.h"

#define USERS       3
#define HANDLES     4
#define ITEMS_MAX   256
#define ASYNC_MAX   32  /* no more sessions are open at a time */
#define PROMISED_MS 200 /* on top of the limits */

static httpd_graceful_stop_handle_t handles[HANDLES];
static uint32_t limits_ms[HANDLES];
static unsigned leases[HANDLES], users_left;
static httpd_req_t *async_requests[ASYNC_MAX];
static struct {
    bool accepted;
    unsigned called;
} items[ITEMS_MAX];
static unsigned item_count;

static void on_item(void *arg)
{
    items[(size_t)arg].called++;
    tasks_preempt();
}

static void queue_item(httpd_graceful_stop_handle_t gs)
{
    if (item_count < ITEMS_MAX) {
        size_t item = item_count++;
        items[item].accepted = httpd_graceful_stop_queue_work(gs, on_item, on_item, (void *)item) == ESP_OK;
    }
}

static void stream(httpd_req_t *req)
{
    int fd = httpd_req_to_sockfd(req);

    while (!httpd_graceful_stop_requested(req) && server_client_reads(fd) && tasks_byte() % 16 != 1) {
        tasks_wait(NULL, 10);
        if (!tasks_bytes_left()) {
            break;
        }
    }
}

/* It does not look whether it is asked to stop: only a shutdown of its socket ends it. */
static void stream_on(httpd_req_t *req)
{
    while (server_client_reads(httpd_req_to_sockfd(req)) && tasks_byte() % 32 != 1) {
        tasks_wait(NULL, 10);
        if (!tasks_bytes_left()) {
            break;
        }
    }
}

/* By a worker: whoever draws action 7. */
static void take_over(httpd_req_t *req)
{
    httpd_req_t *copy;
    size_t i = 0;

    if (httpd_graceful_stop_async_begin(req, &copy) != ESP_OK) {
        return;
    }
    while (async_requests[i] != NULL) { /* looked for now: other handlers may have come in between */
        HOLDS(++i < ASYNC_MAX);
    }
    async_requests[i] = copy;
}

static esp_err_t on_request(httpd_req_t *req)
{
    size_t which = (size_t)req->user_ctx;

    HOLDS(which < HANDLES);
    switch (tasks_byte() % 8) {
    case 0:
        stream(req);
        break;
    case 1:
        stream_on(req);
        break;
    case 2:
        take_over(req);
        break;
    case 3:
        HOLDS(httpd_graceful_stop_stop(handles[which], NULL) == ESP_ERR_INVALID_STATE);
        break;
    case 4:
        queue_item(handles[which]);
        break;
    case 5:
        return ESP_FAIL;
    default:
        tasks_preempt();
    }
    return ESP_OK;
}

static void start(size_t h)
{
    httpd_config_t config = HTTPD_DEFAULT_CONFIG();

    config.max_open_sockets = 1 + tasks_byte() % 4;
    httpd_graceful_stop_start(handles[h], &config);
}

static void stop(size_t h)
{
    httpd_graceful_stop_report_t report;
    uint32_t before_ms = tasks_now_ms(), longest_ms = limits_ms[h];
    const esp_err_t err = httpd_graceful_stop_stop(handles[h], &report);

    longest_ms = limits_ms[h] > longest_ms ? limits_ms[h] : longest_ms; /* another task may have changed them */
    HOLDS(err == ESP_OK || err == ESP_ERR_TIMEOUT || err == ESP_ERR_INVALID_STATE || err == ESP_ERR_INVALID_ARG);
    HOLDS(tasks_now_ms() - before_ms <= longest_ms + PROMISED_MS);
}

static void complete_async(size_t i)
{
    httpd_req_t *copy = async_requests[i];

    if (copy != NULL) {
        async_requests[i] = NULL;
        httpd_graceful_stop_async_complete(copy);
    }
}

static void release(size_t h)
{
    if (leases[h] > 0) {
        leases[h]--;
        httpd_graceful_stop_release(handles[h]);
    }
}

static void create(size_t h)
{
    const httpd_graceful_stop_config_t config = HTTPD_GRACEFUL_STOP_CONFIG_DEFAULT();
    httpd_graceful_stop_handle_t made;

    if (handles[h] == NULL && httpd_graceful_stop_create(&config, &made) == ESP_OK) {
        if (handles[h] != NULL) { /* another task was faster */
            HOLDS(httpd_graceful_stop_delete(made) == ESP_OK);
            return;
        }
        handles[h] = made;
        limits_ms[h] = config.drain_ms + config.shutdown_ms + config.stop_ms;
    }
}

static void set_limits(size_t h)
{
    uint32_t drain_ms = tasks_byte(), shutdown_ms = tasks_byte(), stop_ms = tasks_byte();

    /* Limits of a stop under way count as they are; the longer ones are what may be promised then. */
    if (httpd_graceful_stop_set_limits(handles[h], drain_ms, shutdown_ms, stop_ms) == ESP_OK &&
        drain_ms + shutdown_ms + stop_ms > limits_ms[h]) {
        limits_ms[h] = drain_ms + shutdown_ms + stop_ms;
    }
}

static void act(uint8_t what, size_t h)
{
    const httpd_uri_t uri = {.uri = "/", .method = HTTP_GET, .handler = on_request, .user_ctx = (void *)h};

    switch (what % 12) {
    case 0:
        create(h);
        break;
    case 1:
        start(h);
        break;
    case 2:
        httpd_graceful_stop_register_uri_handler(handles[h], &uri);
        break;
    case 3:
        stop(h);
        break;
    case 4:
        if (httpd_graceful_stop_lease(handles[h]) == ESP_OK) {
            leases[h]++;
        }
        break;
    case 5:
        release(h);
        break;
    case 6:
        queue_item(handles[h]);
        break;
    case 7:
        complete_async(tasks_byte() % ASYNC_MAX);
        break;
    case 8:
        set_limits(h);
        break;
    case 9:
        if (leases[h] == 0 && httpd_graceful_stop_delete(handles[h]) == ESP_OK) {
            handles[h] = NULL;
        }
        break;
    case 10:
        httpd_graceful_stop_stopping(handles[h]);
        httpd_graceful_stop_server(handles[h]);
        break;
    default:
        tasks_wait(NULL, tasks_byte());
    }
}

/* The last one to be through ends what is left: then every stop must succeed and every object go. */
static void clean_up(void)
{
    for (size_t h = 0; h < HANDLES; h++) {
        while (leases[h] > 0) {
            release(h);
        }
        if (handles[h] == NULL) {
            continue;
        }
        httpd_graceful_stop_set_limits(handles[h], 1000, 1000, 1000);
        esp_err_t err = ESP_ERR_TIMEOUT;
        for (int tries = 0; tries < 3 && err == ESP_ERR_TIMEOUT; tries++) {
            for (size_t i = 0; i < ASYNC_MAX; i++) { /* each time: a handler may have come in between */
                complete_async(i);
            }
            err = httpd_graceful_stop_stop(handles[h], NULL);
        }
        HOLDS(err == ESP_OK);
        HOLDS(httpd_graceful_stop_server(handles[h]) == NULL);
        HOLDS(httpd_graceful_stop_delete(handles[h]) == ESP_OK);
        HOLDS(httpd_graceful_stop_stop(handles[h], NULL) == ESP_ERR_INVALID_ARG);
        handles[h] = NULL;
    }
}

static void user(void *arg)
{
    (void)arg;
    while (tasks_bytes_left()) {
        uint8_t what = tasks_byte();
        act(what, what / 12 % 2); /* two objects: more would only meet less often */
        tasks_preempt();
    }
    if (--users_left == 0) {
        clean_up();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(handles, 0, sizeof handles);
    memset(leases, 0, sizeof leases);
    memset(items, 0, sizeof items);
    item_count = 0;
    users_left = USERS;
    server_begin();
    tasks_begin(data, size);
    for (int i = 0; i < USERS; i++) {
        tasks_start(user, NULL);
    }
    HOLDS(tasks_run());
    for (unsigned i = 0; i < item_count; i++) {
        HOLDS(items[i].called == items[i].accepted);
    }
    for (int fd = 0; fd < SERVER_FDS; fd++) {
        HOLDS(server_closed[fd] == server_opened[fd]);
    }
    return 0;
}
