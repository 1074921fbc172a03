/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The status: which board and image, what it does, what it has done since it was started, and its memory.
 */
#include "status.h"

#include <inttypes.h>
#include <stdio.h>

#include "esp_heap_caps.h"
#include "esp_ota_ops.h"
#include "esp_timer.h"

#include "board_report.h"
#include "events.h"
#include "idf_compat.h"
#include "self_test.h"
#include "settings.h"
#include "stream_server.h"
#include "update.h"

#define DEVICE_BYTES (6 * sizeof(((settings_t *)0)->device_id) + 3) /* every byte escaped, quotes, end */

static const char *state_name(void)
{
    if (self_test_is_pending()) {
        return "self_test";
    }
    return update_is_busy() ? "updating" : "serving";
}

size_t status_write(char *out, size_t size)
{
    char device[DEVICE_BYTES];
    stream_counts_t streams;
    update_counts_t triggers;
    stream_server_counts(&streams);
    update_counts(&triggers);
    const char *failure = update_last_failure();
    const int len =
        snprintf(out, size,
                 "{\"device\":%s,\"version\":\"%s\",\"slot\":\"%s\",\"image_sha256\":\"%s\",\"state\":\"%s\","
                 "\"uptime_ms\":%" PRId64 ",\"heap\":%u,\"heap_min\":%u,\"largest_block\":%u,\"stream_mode\":\"%s\","
                 "\"tls_streams\":%s,\"streams\":{\"mjpeg\":%u,\"ws\":%u},\"served\":{\"mjpeg\":%u,\"ws\":%u},"
                 "\"frames\":{\"mjpeg\":%u,\"ws\":%u},\"triggers\":{\"accepted\":%u,\"refused\":%u},"
                 "\"last_failure\":%s%s%s}",
                 event_quote(device, sizeof(device), settings()->device_id), esp_app_get_description()->version,
                 esp_ota_get_running_partition()->label, board_report_image_sha256(), state_name(),
                 esp_timer_get_time() / 1000, (unsigned)heap_caps_get_free_size(MALLOC_CAP_DEFAULT),
                 (unsigned)heap_caps_get_minimum_free_size(MALLOC_CAP_DEFAULT),
                 (unsigned)heap_caps_get_largest_free_block(MALLOC_CAP_DEFAULT),
                 stream_server_mode() == STREAM_MODE_WORKERS ? "workers" : "inline",
                 settings()->tls_streams ? "true" : "false", streams.mjpeg.now, streams.ws.now, streams.mjpeg.served,
                 streams.ws.served, streams.mjpeg.frames, streams.ws.frames, triggers.accepted, triggers.refused,
                 failure != NULL ? "\"" : "", failure != NULL ? failure : "null", failure != NULL ? "\"" : "");
    return len < (int)size ? (size_t)len : size - 1;
}
