/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A whole exchange in one call: send, receive, follow redirects, and keep or close the connection.
 */
#include <errno.h>
#include <inttypes.h>
#include "esp_log.h"
#include "http_client_private.h"

static bool is_redirect(int status_code)
{
    return status_code == HttpStatus_MovedPermanently || status_code == HttpStatus_Found ||
           status_code == HttpStatus_SeeOther || status_code == HttpStatus_TemporaryRedirect ||
           status_code == HttpStatus_PermanentRedirect;
}

static esp_err_t check_status(esp_http_client_handle_t client)
{
    const int status_code = client->response.status_code;
    if (status_code >= 200 && status_code < 300) {
        client->redirect_counter = 0;
        return ESP_OK;
    }
    if (client->redirect_counter >= client->max_redirection_count) {
        ESP_LOGE(HTTP_TAG, "Error, reach max_redirection_count count=%d", client->redirect_counter);
        return ESP_ERR_HTTP_MAX_REDIRECT;
    }
    if (is_redirect(status_code)) {
        if (!client->disable_auto_redirect) {
            return esp_http_client_set_redirection(client);
        }
        http_dispatch(client, HTTP_EVENT_REDIRECT, NULL, 0);
    }
    if (status_code == HttpStatus_Unauthorized) {
        ESP_LOGE(HTTP_TAG, "This authentication method is not supported");
        return ESP_ERR_NOT_SUPPORTED;
    }
    return ESP_OK;
}

static esp_err_t send_request(esp_http_client_handle_t client)
{
    const struct http_request *request = &client->request;
    esp_err_t err = http_connect(client);
    if (err == ESP_OK) {
        err = http_send_headers(client, request->post_len);
    }
    if (err == ESP_OK && request->post_len > 0 &&
        esp_http_client_write(client, request->post_data, request->post_len) != request->post_len) {
        err = ESP_ERR_HTTP_WRITE_DATA;
    }
    return err;
}

static esp_err_t receive_headers(esp_http_client_handle_t client)
{
    client->response.keep_early = false; /* body goes to the event handler at once */
    int64_t ret = esp_http_client_fetch_headers(client);
    client->response.keep_early = true;
    if (ret >= 0) {
        return ESP_OK;
    }
    if (ret == -ESP_ERR_HTTP_EAGAIN) {
        return ESP_ERR_HTTP_EAGAIN;
    }
    if (esp_transport_get_errno(client->transport) == ENOTCONN) {
        ESP_LOGW(HTTP_TAG, "Close connection due to FIN received");
        esp_http_client_close(client);
        return ESP_ERR_HTTP_CONNECTION_CLOSED;
    }
    return ESP_ERR_HTTP_FETCH_HEADER;
}

static esp_err_t receive_all(esp_http_client_handle_t client)
{
    if (client->state < HTTP_STATE_BODY) {
        return ESP_OK; /* a redirect to another server: the connection, and the body with it, is gone already */
    }
    while (!esp_http_client_is_complete_data_received(client)) {
        int n = http_receive_body(client);
        if (n > 0 || client->method == HTTP_METHOD_HEAD) {
            if (n > 0) {
                continue;
            }
            break;
        }
        if (esp_http_client_is_complete_data_received(client)) {
            break; /* the end of the connection was the end of the body */
        }
        /* One code for all reasons: so does ESP-IDF 5.4, which means to tell them apart. */
        ESP_LOGE(HTTP_TAG, "Incomplete data received, ret=%d, %" PRId64 "/%" PRId64 " bytes", n,
                 client->response.received, client->response.content_length);
        return ESP_ERR_HTTP_INCOMPLETE_DATA;
    }
    return ESP_OK;
}

static void keep_or_close(esp_http_client_handle_t client)
{
    if (client->state == HTTP_STATE_INIT) {
        return;
    }
    if (client->response.is_complete && http_should_keep_alive(&client->parser)) {
        client->state = HTTP_STATE_CONNECTED;
    } else {
        esp_http_client_close(client);
    }
}

esp_err_t esp_http_client_perform(esp_http_client_handle_t client)
{
    do {
        esp_err_t err = client->state <= HTTP_STATE_CONNECTED ? send_request(client) : ESP_OK;
        if (err == ESP_OK && client->state < HTTP_STATE_BODY) {
            err = receive_headers(client);
            if (err == ESP_ERR_HTTP_EAGAIN) {
                return err; /* another call goes on waiting */
            }
        }
        if (err == ESP_OK) {
            err = check_status(client);
        }
        if (err != ESP_OK) {
            return http_dispatch_error(client, err);
        }
        err = receive_all(client);
        if (err == ESP_OK) {
            http_dispatch(client, HTTP_EVENT_ON_FINISH, NULL, 0);
        } else {
            http_dispatch_error(client, err);
        }
        keep_or_close(client);
        if (err != ESP_OK) {
            return err;
        }
    } while (client->process_again);
    return ESP_OK;
}
