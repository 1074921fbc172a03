/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A camera's pictures as frames: stamped like all others, whole, copied, and given back to the driver at once. Built
 * for each of the boards.
 */
#include <stdlib.h>
#include <string.h>

#include "esp_camera.h"
#include "esp_heap_caps.h"

#include "expect.h"
#include "frame_check.h"

static camera_fb_t s_picture;
static int s_inits;
static int s_out; /* pictures that the driver has given away */
static bool s_dark;
static bool s_no_memory;

esp_err_t esp_camera_init(const camera_config_t *config)
{
    const int pins[] = {config->pin_xclk, config->pin_sccb_sda, config->pin_sccb_scl, config->pin_d0,  config->pin_d1,
                        config->pin_d2,   config->pin_d3,       config->pin_d4,       config->pin_d5,  config->pin_d6,
                        config->pin_d7,   config->pin_vsync,    config->pin_href,     config->pin_pclk};
    s_inits++;
    for (size_t i = 0; i < sizeof(pins) / sizeof(pins[0]); i++) {
        EXPECT(pins[i] >= 0 && pins[i] <= 48, "pin %d", pins[i]);
        for (size_t j = 0; j < i; j++) {
            EXPECT(pins[i] != pins[j], "pin %d twice", pins[i]);
        }
    }
    EXPECT(config->pixel_format == PIXFORMAT_JPEG, "format");
    return ESP_OK;
}

camera_fb_t *esp_camera_fb_get(void)
{
    s_out += s_dark ? 0 : 1;
    return s_dark ? NULL : &s_picture;
}

void esp_camera_fb_return(camera_fb_t *fb)
{
    EXPECT(fb == &s_picture, "another picture");
    memset(fb->buf, 0xEE, fb->len); /* the driver's again */
    s_out--;
}

void *heap_caps_realloc(void *ptr, size_t size, uint32_t caps)
{
    (void)caps;
    return s_no_memory ? NULL : realloc(ptr, size);
}

void heap_caps_free(void *ptr)
{
    free(ptr);
}

/* A picture of @p body bytes between SOI and EOI, and @p rest bytes of what the driver leaves behind it. */
static void take_picture(size_t body, size_t rest)
{
    free(s_picture.buf);
    s_picture.len = 2 + body + 2 + rest;
    s_picture.buf = calloc(1, s_picture.len);
    s_picture.buf[0] = 0xFF;
    s_picture.buf[1] = 0xD8;
    for (size_t i = 0; i < body; i++) {
        s_picture.buf[2 + i] = (uint8_t)(i % 251);
    }
    s_picture.buf[2 + body] = 0xFF;
    s_picture.buf[3 + body] = 0xD9;
}

static void frames_are_whole(frame_source_t *source)
{
    uint32_t seq = 0;
    for (size_t body = 1; body < 30000; body = body * 3 + 1) {
        for (size_t rest = 0; rest < 40; rest += 13) {
            frame_t frame;
            take_picture(body, rest);
            EXPECT(frame_source_next(source, seq, &frame) == ESP_OK, "frame %u", (unsigned)seq);
            EXPECT(s_out == 0, "the driver's buffer is kept");
            expect_numbered(&frame, seq);
            EXPECT(frame.len == TEXT_END + body + 2, "%zu bytes for a body of %zu", frame.len, body);
            for (size_t i = 0; i < body; i++) {
                EXPECT(frame.data[TEXT_END + i] == i % 251, "byte %zu of %zu", i, body);
            }
            EXPECT(frame.data[frame.len - 2] == 0xFF && frame.data[frame.len - 1] == 0xD9, "no EOI at the end");
            frame_source_release(source, &frame);
            seq++;
        }
    }
}

static void expect_no_frame(frame_source_t *source, const char *what)
{
    frame_t frame;
    EXPECT(frame_source_next(source, 0, &frame) == ESP_FAIL, "%s", what);
    EXPECT(s_out == 0, "%s: the driver's buffer is kept", what);
}

static void bad_pictures_are_not_sent(frame_source_t *source)
{
    take_picture(100, 0);
    s_picture.buf[103] = 0;
    expect_no_frame(source, "no EOI");
    take_picture(100, 0);
    s_picture.buf[1] = 0;
    expect_no_frame(source, "no SOI");
    take_picture(100, 0);
    s_picture.len = 3;
    expect_no_frame(source, "three bytes");
    s_picture.len = 0;
    expect_no_frame(source, "nothing");
    s_dark = true;
    expect_no_frame(source, "no picture");
    s_dark = false;
    take_picture(200000, 0);
    s_no_memory = true;
    expect_no_frame(source, "no memory");
    s_no_memory = false;
}

int main(void)
{
    frame_source_t *source;
    frame_source_t *second;
    EXPECT(frame_source_open(4096, &source) == ESP_OK, "open");
    EXPECT(frame_source_open(4096, &second) == ESP_OK, "open");
    EXPECT(s_inits == 1, "%d starts of the camera", s_inits);
    frames_are_whole(source);
    bad_pictures_are_not_sent(source);
    frames_are_whole(source);
    frame_source_close(second);
    frame_source_close(source);
    frame_source_close(NULL);
    free(s_picture.buf);
    return 0;
}
