/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Requests of the program: hello, flash, reset. A request that makes no sense gets an error, and never ends the board.
 */
#include "link.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "flash.h"
#include "supervisor.h"

/* Each is a write of up to a flash sector; the loop has other things to do as well. */
#define REQUESTS_A_TURN 16

static struct board_hello say_hello(const struct supervisor *board)
{
    const struct options *options = board->options;
    struct board_hello hello = {
        .reset_reason = board->reason,
        .heap_bytes = options->heap_kb * 1024u,
        .flash_bytes = (uint32_t)flash_size(),
        .app_offset = options->program_path ? 0 : board->choice.offset,
        .app_size = options->program_path ? 0 : board->choice.size,
        .seed = options->seed + board->boots, /* each boot its own, and the same ones in a repeated run */
    };
    memcpy(hello.mac, options->mac, sizeof(hello.mac));
    return hello;
}

static esp_err_t write_flash(const struct board_request *request, size_t size)
{
    if (request->len > BOARD_LINK_DATA || size != BOARD_REQUEST_HEAD + request->len) {
        return ESP_ERR_INVALID_SIZE;
    }
    return flash_write(request->addr, request->data, request->len);
}

static void send_reply(struct link *link)
{
    ssize_t sent = send(link->fd, &link->reply, sizeof(link->reply), MSG_DONTWAIT | MSG_NOSIGNAL);
    link->reply_waits = sent < 0 && (errno == EAGAIN || errno == EINTR);
}

static void serve(struct link *link, struct supervisor *board, const struct board_request *request, size_t size)
{
    link->reply = (struct board_reply){.err = ESP_OK};
    if (size < BOARD_REQUEST_HEAD) {
        link->reply.err = ESP_ERR_INVALID_SIZE;
        send_reply(link);
        return;
    }
    switch (request->op) {
    case BOARD_OP_HELLO:
        link->reply.hello = say_hello(board);
        break;
    case BOARD_OP_FLASH_ERASE:
        link->reply.err = flash_erase(request->addr, request->len);
        break;
    case BOARD_OP_FLASH_WRITE:
        link->reply.err = write_flash(request, size);
        break;
    case BOARD_OP_RESET:
        supervisor_reset(board, (enum board_reset)request->arg);
        return;
    case BOARD_OP_EXIT:
        supervisor_end(board, (int)(request->arg & 0xFF));
        return;
    default:
        link->reply.err = ESP_ERR_INVALID_ARG;
    }
    if (board->powered) { /* a power cut in this very operation: nobody is left to be answered */
        send_reply(link);
    }
}

void link_attach(struct link *link, int fd)
{
    *link = (struct link){.fd = fd, .place = POLL_SET_NONE};
}

void link_poll_add(struct link *link, struct poll_set *set)
{
    link->place = poll_set_add(set, link->fd, link->reply_waits ? POLLOUT : POLLIN);
}

void link_poll_done(struct link *link, struct supervisor *board, const struct poll_set *set)
{
    struct board_request request;

    if (link->fd < 0 || !poll_set_result(set, link->place)) {
        return;
    }
    if (link->reply_waits) {
        send_reply(link);
    }
    for (int i = 0; i < REQUESTS_A_TURN && !link->reply_waits; i++) {
        if (!board->powered || board->end_asked || board->ending) {
            return; /* a program on its way out has no more wishes */
        }
        ssize_t size = recv(link->fd, &request, sizeof(request), MSG_DONTWAIT | MSG_TRUNC);
        if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) {
            link_attach(link, -1); /* it has closed its end: it can ask no more, but may well run on */
            return;
        }
        if (size < 0) {
            return;
        }
        serve(link, board, &request, (size_t)size);
    }
}
