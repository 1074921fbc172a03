/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * WebSocket frames, received in the server task, sent from any.
 *
 * A frame's first byte is read before the handler is called, the rest by the handler through httpd_ws_recv_frame().
 * Nothing keeps two tasks from sending to one socket at once, and a payload follows its header in a send() of its own.
 */
#include <stdlib.h>
#include <string.h>

#include "esp_log.h"
#include "freertos/FreeRTOS.h"
#include "freertos/event_groups.h"
#include "httpd_priv.h"

#ifdef CONFIG_HTTPD_WS_SUPPORT

static const char *TAG = "httpd_ws";

/* RFC 6455, section 5.2 */
#define FIN_BIT             0x80u
#define OPCODE_BITS         0x0fu
#define MASK_BIT            0x80u
#define LENGTH_BITS         0x7fu
#define LENGTH_16           126u
#define LENGTH_64           127u
#define LONGEST_CONTROL     125u
#define HEADER_MAX_BYTES    10
#define CONTROL_BUFFER_SIZE 128

static esp_err_t check_request(const httpd_req_t *req)
{
    if (req == NULL || req->aux == NULL) {
        ESP_LOGW(TAG, "httpd_ws_check_req: Argument is null");
        return ESP_ERR_INVALID_ARG;
    }
    if (!httpd_exchange_of(req)->session->ws_open) {
        ESP_LOGW(TAG, "httpd_ws_check_req: State is invalid - No handshake performed");
        return ESP_ERR_INVALID_STATE;
    }
    return ESP_OK;
}

/* ---- Receiving -------------------------------------------------------------------------------------------------- */

static bool receive_exactly(struct httpd_session *session, uint8_t *buf, size_t len, const char *what)
{
    if (httpd_receive(session, (char *)buf, len, HTTPD_RECEIVE_ALL) == (int)len) {
        return true;
    }
    ESP_LOGW(TAG, "httpd_ws_recv_frame: Failed to receive %s", what);
    return false;
}

static esp_err_t receive_length(struct httpd_exchange *exchange, size_t *len)
{
    struct httpd_session *session = exchange->session;
    uint8_t second;
    if (!receive_exactly(session, &second, sizeof(second), "the second byte")) {
        return ESP_FAIL;
    }
    uint64_t length = second & LENGTH_BITS;
    if (length >= LENGTH_16) {
        uint8_t bytes[8];
        size_t count = length == LENGTH_16 ? 2 : 8;
        if (!receive_exactly(session, bytes, count, count == 2 ? "2 bytes length" : "8 bytes length")) {
            return ESP_FAIL;
        }
        length = 0;
        for (size_t i = 0; i < count; i++) {
            length = length << 8 | bytes[i];
        }
    }
    *len = (size_t)length;
    if (!(second & MASK_BIT)) {
        ESP_LOGW(TAG, "httpd_ws_recv_frame: WS frame is not properly masked.");
        return ESP_ERR_INVALID_STATE;
    }
    return receive_exactly(session, exchange->ws_mask, sizeof(exchange->ws_mask), "mask key") ? ESP_OK : ESP_FAIL;
}

esp_err_t httpd_ws_recv_frame(httpd_req_t *req, httpd_ws_frame_t *pkt, size_t max_len)
{
    esp_err_t err = check_request(req);
    if (err != ESP_OK) {
        return err;
    }
    if (pkt == NULL) {
        ESP_LOGW(TAG, "httpd_ws_recv_frame: Frame pointer is invalid");
        return ESP_ERR_INVALID_ARG;
    }
    struct httpd_exchange *exchange = httpd_exchange_of(req);
    if (pkt->len == 0) { /* else an earlier call has read the length */
        pkt->type = exchange->ws_type;
        pkt->final = exchange->ws_final;
        err = receive_length(exchange, &pkt->len);
        if (err != ESP_OK) {
            return err;
        }
    }
    if (pkt->len > max_len) {
        if (max_len == 0) {
            return ESP_OK;
        }
        ESP_LOGW(TAG, "httpd_ws_recv_frame: WS Message too long");
        return ESP_ERR_INVALID_SIZE;
    }
    if (pkt->len == 0) {
        return ESP_OK;
    }
    if (pkt->payload == NULL) {
        ESP_LOGW(TAG, "httpd_ws_recv_frame: Payload buffer is null");
        return ESP_FAIL;
    }
    for (size_t have = 0; have < pkt->len;) {
        int received =
            httpd_receive(exchange->session, (char *)pkt->payload + have, pkt->len - have, HTTPD_RECEIVE_SOME);
        if (received <= 0) {
            ESP_LOGW(TAG, "httpd_ws_recv_frame: Failed to receive payload");
            return ESP_FAIL;
        }
        have += (size_t)received;
    }
    for (size_t i = 0; i < pkt->len; i++) {
        pkt->payload[i] ^= exchange->ws_mask[i % sizeof(exchange->ws_mask)];
    }
    return ESP_OK;
}

/* Answers a PING with its own payload, a CLOSE with an empty one. */
static esp_err_t answer_control_frame(httpd_req_t *req, httpd_ws_type_t answer)
{
    uint8_t payload[CONTROL_BUFFER_SIZE];
    httpd_ws_frame_t frame = {.payload = payload};
    if (httpd_ws_recv_frame(req, &frame, LONGEST_CONTROL + 1) != ESP_OK) {
        return ESP_ERR_INVALID_STATE;
    }
    frame.type = answer;
    if (answer == HTTPD_WS_TYPE_CLOSE) {
        frame.payload = NULL;
        frame.len = 0;
    }
    return httpd_ws_send_frame(req, &frame);
}

esp_err_t httpd_ws_begin_frame(httpd_req_t *req)
{
    struct httpd_exchange *exchange = httpd_exchange_of(req);
    uint8_t first;
    if (httpd_receive(exchange->session, (char *)&first, sizeof(first), HTTPD_RECEIVE_ALL) != sizeof(first)) {
        /* The connection has ended without a CLOSE, or timed out: treated as one. */
        ESP_LOGW(TAG, "httpd_ws_get_frame_type: Failed to read header byte (socket FD invalid), closing socket now");
        exchange->ws_final = true;
        exchange->ws_type = HTTPD_WS_TYPE_CLOSE;
        return ESP_OK;
    }
    exchange->ws_final = (first & FIN_BIT) != 0;
    exchange->ws_type = (httpd_ws_type_t)(first & OPCODE_BITS);
    if (exchange->session->ws_control_frames) {
        return ESP_OK;
    }
    if (exchange->ws_type == HTTPD_WS_TYPE_PING) {
        return answer_control_frame(req, HTTPD_WS_TYPE_PONG);
    }
    if (exchange->ws_type == HTTPD_WS_TYPE_CLOSE) {
        return answer_control_frame(req, HTTPD_WS_TYPE_CLOSE);
    }
    return ESP_OK;
}

/* ---- Sending ---------------------------------------------------------------------------------------------------- */

static size_t make_header(uint8_t header[HEADER_MAX_BYTES], const httpd_ws_frame_t *frame)
{
    bool last = !frame->fragmented || frame->final;
    header[0] = (uint8_t)((last ? FIN_BIT : 0u) | (unsigned)frame->type);
    size_t length_bytes = 0;
    if (frame->len <= LONGEST_CONTROL) {
        header[1] = (uint8_t)frame->len;
    } else if (frame->len < UINT16_MAX) {
        header[1] = LENGTH_16;
        length_bytes = 2;
    } else {
        header[1] = LENGTH_64;
        length_bytes = 8;
    }
    uint64_t len = frame->len;
    for (size_t i = length_bytes; i > 0; i--) {
        header[1 + i] = (uint8_t)len;
        len >>= 8;
    }
    return 2 + length_bytes;
}

esp_err_t httpd_ws_send_frame_async(httpd_handle_t hd, int fd, httpd_ws_frame_t *frame)
{
    if (frame == NULL) {
        ESP_LOGW(TAG, "httpd_ws_send_frame_async: Argument is invalid");
        return ESP_ERR_INVALID_ARG;
    }
    uint8_t header[HEADER_MAX_BYTES];
    size_t header_len = make_header(header, frame);
    struct httpd_session *session = httpd_session_find(hd, fd);
    if (session == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    /* One send() each: what a full socket leaves over is not sent again, as in ESP-IDF. */
    if (session->send_fn(hd, fd, (const char *)header, header_len, 0) < 0) {
        ESP_LOGW(TAG, "httpd_ws_send_frame_async: Failed to send WS header");
        return ESP_FAIL;
    }
    if (frame->len > 0 && frame->payload != NULL &&
        session->send_fn(hd, fd, (const char *)frame->payload, frame->len, 0) < 0) {
        ESP_LOGW(TAG, "httpd_ws_send_frame_async: Failed to send WS payload");
        return ESP_FAIL;
    }
    return ESP_OK;
}

esp_err_t httpd_ws_send_frame(httpd_req_t *req, httpd_ws_frame_t *pkt)
{
    esp_err_t err = check_request(req);
    return err == ESP_OK ? httpd_ws_send_frame_async(req->handle, httpd_req_to_sockfd(req), pkt) : err;
}

httpd_ws_client_info_t httpd_ws_get_fd_info(httpd_handle_t hd, int fd)
{
    const struct httpd_session *session = httpd_session_find(hd, fd);
    if (session == NULL) {
        return HTTPD_WS_CLIENT_INVALID;
    }
    return session->ws_open && !session->ws_closing ? HTTPD_WS_CLIENT_WEBSOCKET : HTTPD_WS_CLIENT_HTTP;
}

/* ---- Sending in the server task --------------------------------------------------------------------------------- */

#define TRANSFER_SENT   (1 << 0)
#define TRANSFER_FAILED (1 << 1)

struct transfer {
    httpd_handle_t server;
    int fd;
    httpd_ws_frame_t frame;
    EventGroupHandle_t done; /* somebody waits for it; NULL: call back */
    transfer_complete_cb callback;
    void *arg;
};

static void carry_out(void *arg)
{
    struct transfer *transfer = arg;
    esp_err_t err = httpd_ws_send_frame_async(transfer->server, transfer->fd, &transfer->frame);
    if (transfer->done) {
        xEventGroupSetBits(transfer->done, err == ESP_OK ? TRANSFER_SENT : TRANSFER_FAILED);
    } else if (transfer->callback) {
        transfer->callback(err, transfer->fd, transfer->arg);
    }
    free(transfer);
}

static esp_err_t queue_transfer(const struct transfer *wanted)
{
    struct transfer *transfer = malloc(sizeof(*transfer));
    if (transfer == NULL) {
        return ESP_ERR_NO_MEM;
    }
    *transfer = *wanted;
    esp_err_t err = httpd_queue_work(wanted->server, carry_out, transfer);
    if (err != ESP_OK) {
        free(transfer);
    }
    return err;
}

esp_err_t httpd_ws_send_data(httpd_handle_t handle, int socket, httpd_ws_frame_t *frame)
{
    EventGroupHandle_t done = xEventGroupCreate();
    if (done == NULL) {
        return ESP_ERR_NO_MEM;
    }
    struct transfer transfer = {.server = handle, .fd = socket, .frame = *frame, .done = done};
    esp_err_t err = queue_transfer(&transfer);
    if (err == ESP_OK) {
        EventBits_t bits = xEventGroupWaitBits(done, TRANSFER_SENT | TRANSFER_FAILED, pdTRUE, pdFALSE, portMAX_DELAY);
        err = bits & TRANSFER_SENT ? ESP_OK : ESP_FAIL;
    }
    vEventGroupDelete(done);
    return err;
}

esp_err_t httpd_ws_send_data_async(httpd_handle_t handle, int socket, httpd_ws_frame_t *frame,
                                   transfer_complete_cb callback, void *arg)
{
    struct transfer transfer = {.server = handle, .fd = socket, .frame = *frame, .callback = callback, .arg = arg};
    return queue_transfer(&transfer);
}

#endif /* CONFIG_HTTPD_WS_SUPPORT */
