/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Frames from a camera (esp32-camera). A picture is copied behind the stamp and given back to the driver at once, so
 * that a slow client holds no buffer of the camera's, and two clients never the same one. The provisioned frame_bytes
 * means nothing here: pictures are as long as they are.
 */
#include "frame_source.h"

#include "sdkconfig.h"

#if CONFIG_HIL_CAMERA

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "esp_camera.h"
#include "esp_heap_caps.h"
#include "esp_log.h"

#include "camera_pins.h"
#include "frame_stamp.h"

#define XCLK_HZ      20000000
#define JPEG_QUALITY 12 /* 0 to 63, lower is better */
#define BUFFERS      2  /* one is filled while the other is copied */
#define GROW_BYTES   4096u

struct frame_source {
    uint8_t *buffer;
    size_t size;
};

static const char TAG[] = "camera";
static bool s_started;

/* With the first source, which the main task opens before there are others. */
static esp_err_t start_camera(void)
{
    const camera_config_t config = {
        .pin_pwdn = CAMERA_PIN_PWDN,
        .pin_reset = CAMERA_PIN_RESET,
        .pin_xclk = CAMERA_PIN_XCLK,
        .pin_sccb_sda = CAMERA_PIN_SDA,
        .pin_sccb_scl = CAMERA_PIN_SCL,
        .pin_d0 = CAMERA_PIN_D0,
        .pin_d1 = CAMERA_PIN_D1,
        .pin_d2 = CAMERA_PIN_D2,
        .pin_d3 = CAMERA_PIN_D3,
        .pin_d4 = CAMERA_PIN_D4,
        .pin_d5 = CAMERA_PIN_D5,
        .pin_d6 = CAMERA_PIN_D6,
        .pin_d7 = CAMERA_PIN_D7,
        .pin_vsync = CAMERA_PIN_VSYNC,
        .pin_href = CAMERA_PIN_HREF,
        .pin_pclk = CAMERA_PIN_PCLK,
        .xclk_freq_hz = XCLK_HZ,
        .ledc_timer = LEDC_TIMER_0,
        .ledc_channel = LEDC_CHANNEL_0,
        .pixel_format = PIXFORMAT_JPEG,
        .frame_size = FRAMESIZE_VGA,
        .jpeg_quality = JPEG_QUALITY,
        .fb_count = BUFFERS,
        .fb_location = CAMERA_FB_IN_PSRAM,
        .grab_mode = CAMERA_GRAB_LATEST,
    };
    const esp_err_t err = esp_camera_init(&config);
    if (err != ESP_OK) {
        ESP_LOGE(TAG, "init: %s", esp_err_to_name(err));
    }
    return err;
}

esp_err_t frame_source_open(size_t frame_bytes, frame_source_t **out)
{
    (void)frame_bytes;
    if (!s_started) {
        const esp_err_t err = start_camera();
        if (err != ESP_OK) {
            return err;
        }
        s_started = true;
    }
    *out = calloc(1, sizeof(**out));
    return *out != NULL ? ESP_OK : ESP_ERR_NO_MEM;
}

/* The picture without SOI and without what the driver leaves after EOI. @return its length, 0: it is not whole. */
static size_t body_of(const uint8_t *picture, size_t len)
{
    if (len < 4 || picture[0] != 0xFF || picture[1] != 0xD8) {
        return 0;
    }
    while (len >= 4 && !(picture[len - 2] == 0xFF && picture[len - 1] == 0xD9)) {
        len--;
    }
    return len >= 4 ? len - 2 : 0;
}

/* In PSRAM, where the camera's own buffers are: a picture is larger than what a streaming board has free inside. */
static bool make_room(frame_source_t *source, size_t size)
{
    if (size <= source->size) {
        return true;
    }
    size = (size + GROW_BYTES - 1) / GROW_BYTES * GROW_BYTES;
    uint8_t *larger = heap_caps_realloc(source->buffer, size, MALLOC_CAP_SPIRAM | MALLOC_CAP_8BIT);
    if (larger == NULL) {
        return false;
    }
    source->buffer = larger;
    source->size = size;
    return true;
}

esp_err_t frame_source_next(frame_source_t *source, uint32_t seq, frame_t *out)
{
    camera_fb_t *picture = esp_camera_fb_get();
    if (picture == NULL) {
        ESP_LOGE(TAG, "no picture");
        return ESP_FAIL;
    }
    const size_t body = body_of(picture->buf, picture->len);
    const bool whole = body > 0 && make_room(source, FRAME_STAMP_BYTES + body);
    if (whole) {
        memcpy(source->buffer + FRAME_STAMP_BYTES, picture->buf + 2, body);
    } else {
        ESP_LOGE(TAG, "%s", body == 0 ? "not a whole JPEG" : "no memory for a picture");
    }
    esp_camera_fb_return(picture);
    if (!whole) {
        return ESP_FAIL;
    }
    frame_stamp(source->buffer, seq, body);
    out->data = source->buffer;
    out->len = FRAME_STAMP_BYTES + body;
    return ESP_OK;
}

void frame_source_release(frame_source_t *source, const frame_t *frame)
{
    (void)source;
    (void)frame;
}

void frame_source_close(frame_source_t *source)
{
    if (source != NULL) {
        heap_caps_free(source->buffer);
        free(source);
    }
}

#endif
