/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A camera web server as in the ESP32 boards' own example (index and capture on port 80, stream on port 81), and the
 * lines that make its update safe: they are marked with "update:". Open http://<chip>/ and then
 *
 *     http://<chip>/update?url=http://<you>:8000/CameraWebServerUpdate.ino.bin
 *
 * while the stream is being watched. Pins are those of the AI-Thinker ESP32-CAM; partition scheme: any with OTA.
 */
#include <HTTPUpdate.h>
#include <Preferences.h>
#include <WiFi.h>
#include <esp_camera.h>
#include <httpd_graceful_stop.h>

const char *WIFI_NAME = "...";
const char *WIFI_PASSWORD = "...";

static httpd_graceful_stop_handle_t control_server; // update: one object a server, instead of a httpd_handle_t
static httpd_graceful_stop_handle_t stream_server;

#define URL_SIZE 256
static QueueHandle_t updates; // update: URLs from the handler's task to that of loop(), one at a time

#define BOUNDARY "123456789000000000000987654321"

// ---- Handlers -------------------------------------------------------------------------------------------------------

static esp_err_t on_index(httpd_req_t *req)
{
    httpd_resp_set_type(req, "text/html");
    return httpd_resp_sendstr(req, "<img id=s><script>s.src=location.protocol+'//'+location.hostname+':81/stream'</script>");
}

static esp_err_t on_capture(httpd_req_t *req)
{
    camera_fb_t *frame = esp_camera_fb_get();
    if (frame == nullptr) {
        return httpd_resp_send_500(req);
    }
    httpd_resp_set_type(req, "image/jpeg");
    esp_err_t err = httpd_resp_send(req, (const char *)frame->buf, frame->len);
    esp_camera_fb_return(frame);
    return err;
}

static esp_err_t send_frame(httpd_req_t *req, const camera_fb_t *frame)
{
    char head[128];
    int len = snprintf(head, sizeof(head), "\r\n--" BOUNDARY "\r\nContent-Type: image/jpeg\r\nContent-Length: %u\r\n\r\n",
                       (unsigned)frame->len);
    esp_err_t err = httpd_resp_send_chunk(req, head, len);
    return err == ESP_OK ? httpd_resp_send_chunk(req, (const char *)frame->buf, frame->len) : err;
}

static esp_err_t on_stream(httpd_req_t *req)
{
    esp_err_t err = httpd_resp_set_type(req, "multipart/x-mixed-replace;boundary=" BOUNDARY);
    while (err == ESP_OK && !httpd_graceful_stop_requested(req)) { // update: once a frame
        camera_fb_t *frame = esp_camera_fb_get();
        if (frame == nullptr) {
            return ESP_FAIL;
        }
        err = send_frame(req, frame);
        esp_camera_fb_return(frame);
    }
    return err == ESP_OK ? httpd_resp_send_chunk(req, nullptr, 0) : err; // update: the stream ends on a whole frame
}

static esp_err_t on_update(httpd_req_t *req)
{
    char query[URL_SIZE], url[URL_SIZE] = "";
    if (httpd_req_get_url_query_str(req, query, sizeof(query)) != ESP_OK ||
        httpd_query_key_value(query, "url", url, sizeof(url)) != ESP_OK) {
        return httpd_resp_send_err(req, HTTPD_400_BAD_REQUEST, "/update?url=http://...");
    }
    // loop() does it: a handler cannot wait for the end of the server that it runs in
    bool first = xQueueSend(updates, url, 0) == pdTRUE;
    return httpd_resp_sendstr(req, first ? "updating\n" : "another update is under way\n");
}

// ---- Servers --------------------------------------------------------------------------------------------------------

static void add(httpd_graceful_stop_handle_t server, const char *path, esp_err_t (*handler)(httpd_req_t *))
{
    httpd_uri_t uri = {};
    uri.uri = path;
    uri.method = HTTP_GET;
    uri.handler = handler;
    ESP_ERROR_CHECK(httpd_graceful_stop_register_uri_handler(server, &uri)); // update: known to the component
}

static void start_servers()
{
    httpd_config_t config = HTTPD_DEFAULT_CONFIG();
    config.max_open_sockets = 4; // sockets are few: two servers take three each for themselves
    ESP_ERROR_CHECK(httpd_graceful_stop_start(control_server, &config)); // update: instead of httpd_start()
    add(control_server, "/", on_index);
    add(control_server, "/capture", on_capture);
    add(control_server, "/update", on_update);
    config.server_port += 1;
    config.ctrl_port += 1;
    config.max_open_sockets = 2;
    ESP_ERROR_CHECK(httpd_graceful_stop_start(stream_server, &config));
    add(stream_server, "/stream", on_stream);
}

static bool stop_servers()
{
    httpd_graceful_stop_report_t report;
    if (httpd_graceful_stop_stop(stream_server, &report) != ESP_OK) {
        Serial.printf("%u handlers did not end\n", (unsigned)report.remaining);
        return false;
    }
    Serial.printf("streams stopped in %u ms, %u bytes free\n", (unsigned)report.total_ms, (unsigned)report.heap_after);
    return httpd_graceful_stop_stop(control_server, nullptr) == ESP_OK;
}

// ---- Update ---------------------------------------------------------------------------------------------------------

#define NOTE "update"

// Restarts when it succeeds.
static void update(const char *url)
{
    WiFiClient client;
    httpUpdate.update(client, url);
    Serial.println(httpUpdate.getLastErrorString());
}

// update: a handler that nobody can end from outside still has its server. It ends with a restart, and the update comes
// before any server is started.
static void restart_and_update(const char *url)
{
    Preferences notes;
    notes.begin(NOTE);
    notes.putString("url", url);
    notes.end();
    ESP.restart();
}

static void update_that_was_noted()
{
    Preferences notes;
    notes.begin(NOTE);
    String url = notes.getString("url", "");
    notes.remove("url"); // before the attempt: when it fails, the next start is an ordinary one
    notes.end();
    if (url.length() > 0) {
        update(url.c_str());
    }
}

// ---- Camera and life ------------------------------------------------------------------------------------------------

static void start_camera()
{
    camera_config_t config = {};
    config.pin_pwdn = 32;
    config.pin_reset = -1;
    config.pin_xclk = 0;
    config.pin_sccb_sda = 26;
    config.pin_sccb_scl = 27;
    config.pin_d7 = 35;
    config.pin_d6 = 34;
    config.pin_d5 = 39;
    config.pin_d4 = 36;
    config.pin_d3 = 21;
    config.pin_d2 = 19;
    config.pin_d1 = 18;
    config.pin_d0 = 5;
    config.pin_vsync = 25;
    config.pin_href = 23;
    config.pin_pclk = 22;
    config.ledc_channel = LEDC_CHANNEL_0;
    config.ledc_timer = LEDC_TIMER_0;
    config.xclk_freq_hz = 20000000;
    config.pixel_format = PIXFORMAT_JPEG;
    config.frame_size = FRAMESIZE_VGA;
    config.jpeg_quality = 12;
    config.fb_count = 2;
    ESP_ERROR_CHECK(esp_camera_init(&config));
}

void setup()
{
    Serial.begin(115200);
    WiFi.begin(WIFI_NAME, WIFI_PASSWORD);
    while (WiFi.status() != WL_CONNECTED) {
        delay(100);
    }
    Serial.println(WiFi.localIP());
    update_that_was_noted();
    updates = xQueueCreate(1, URL_SIZE);
    start_camera();
    const httpd_graceful_stop_config_t limits = HTTPD_GRACEFUL_STOP_CONFIG_DEFAULT();
    ESP_ERROR_CHECK(httpd_graceful_stop_create(&limits, &control_server)); // update: before the servers are started
    ESP_ERROR_CHECK(httpd_graceful_stop_create(&limits, &stream_server));
    vTaskPrioritySet(nullptr, 6); // update: loop() goes before the streams, which may take all of a core
    start_servers();
}

void loop()
{
    char url[URL_SIZE];
    if (xQueuePeek(updates, url, portMAX_DELAY) != pdTRUE) {
        return;
    }
    if (!stop_servers()) {
        restart_and_update(url);
    }
    update(url); // update: nobody sends now, and the servers' memory is there for the download
    xQueueReset(updates);
    start_servers();
}
