/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The program's end of the link to the supervisor.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "board_link_client.h"
#include "native_kernel.h"

#define EXIT_NO_SUPERVISOR 70

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* one request and its reply at a time */
static struct board_hello hello;

/* A request without data is its head alone: the whole struct is too large for a small task's stack. */
struct request_head {
    uint32_t op;
    uint32_t addr;
    uint32_t len;
    uint32_t arg;
};

_Static_assert(sizeof(struct request_head) == BOARD_REQUEST_HEAD, "the head is what goes before the data");

static bool send_request(const void *request, size_t len)
{
    ssize_t sent;
    do {
        sent = write(BOARD_FD_LINK, request, len);
    } while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)len;
}

static bool receive_reply(struct board_reply *reply)
{
    ssize_t got;
    do {
        got = read(BOARD_FD_LINK, reply, sizeof(*reply));
    } while (got < 0 && errno == EINTR);
    return got >= (ssize_t)sizeof(reply->err);
}

static esp_err_t call(const void *request, size_t len, struct board_reply *reply)
{
    memset(reply, 0, sizeof(*reply));
    kernel_hold();
    pthread_mutex_lock(&lock);
    bool ok = send_request(request, len) && receive_reply(reply);
    pthread_mutex_unlock(&lock);
    kernel_release();
    return ok ? reply->err : ESP_FAIL;
}

esp_err_t board_link_call(const struct board_request *request, struct board_reply *reply)
{
    size_t data = request->op == BOARD_OP_FLASH_WRITE ? request->len : 0;
    return data <= BOARD_LINK_DATA ? call(request, BOARD_REQUEST_HEAD + data, reply) : ESP_ERR_INVALID_SIZE;
}

bool board_link_open(void)
{
    struct request_head request = {.op = BOARD_OP_HELLO};
    struct board_reply reply;
    if (call(&request, sizeof(request), &reply) != ESP_OK || reply.hello.heap_bytes == 0) {
        return false;
    }
    hello = reply.hello;
    return true;
}

const struct board_hello *board_hello(void)
{
    return &hello;
}

esp_err_t board_link_erase(uint32_t addr, size_t len)
{
    struct request_head request = {.op = BOARD_OP_FLASH_ERASE, .addr = addr, .len = (uint32_t)len};
    struct board_reply reply;
    return call(&request, sizeof(request), &reply);
}

esp_err_t board_link_write(uint32_t addr, const void *data, size_t len)
{
    static struct board_request request;
    static pthread_mutex_t request_lock = PTHREAD_MUTEX_INITIALIZER;
    struct board_reply reply;
    if (len > BOARD_LINK_DATA) {
        return ESP_ERR_INVALID_SIZE;
    }
    kernel_hold();
    pthread_mutex_lock(&request_lock);
    request.op = BOARD_OP_FLASH_WRITE;
    request.addr = addr;
    request.len = (uint32_t)len;
    memcpy(request.data, data, len);
    esp_err_t err = board_link_call(&request, &reply);
    pthread_mutex_unlock(&request_lock);
    kernel_release();
    return err;
}

static void ask_to_end(enum board_op op, uint32_t arg)
{
    struct request_head request = {.op = op, .arg = arg};
    if (!send_request(&request, sizeof(request))) {
        _exit(EXIT_NO_SUPERVISOR);
    }
    for (;;) {
        pause(); /* the supervisor kills this process */
    }
}

void board_link_reset(enum board_reset reason)
{
    ask_to_end(BOARD_OP_RESET, reason);
    __builtin_unreachable();
}

void board_link_exit(int code)
{
    ask_to_end(BOARD_OP_EXIT, (uint32_t)code);
    __builtin_unreachable();
}
