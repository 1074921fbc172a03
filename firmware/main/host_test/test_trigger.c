/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Every reason for which a trigger is refused, and that what is refused for one reason is accepted without it. Built
 * twice, with the settings of the release and of the control image.
 */
#include <stdio.h>
#include <string.h>

#include "sdkconfig.h"
#include "trigger.h"

#include "expect.h"

#define SHA  "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"
#define URL  "\"url\":\"http://10.0.2.2:8000/update.bin\""
#define GOOD URL ",\"version\":\"1.1.0\",\"sha256\":\"" SHA "\",\"size\":1000,\"counter\":8"

#define HTTPS \
    "{\"url\":\"https://10.0.2.2/u\",\"version\":\"1.1.0\",\"sha256\":\"" SHA "\",\"size\":1000,\"counter\":8}"

static const signature_key_t NO_KEY = {.state = SIGNATURE_KEY_NONE};

static const trigger_context_t CONTEXT = {
    .device_id = "cam-1",
    .running_version = "1.0.0",
    .key = &NO_KEY,
    .slot_bytes = 0x1E0000,
    .last_counter = 7,
};

static const char *reason_of(const char *message)
{
    trigger_t trigger;
    const char *reason = trigger_check(message, strlen(message), &CONTEXT, &trigger);
    return reason == NULL ? "accepted" : reason;
}

#if CONFIG_HIL_STOP_STRATEGIES
#define IN_CONTROL_ONLY "accepted"
#else
#define IN_CONTROL_ONLY "strategy_not_built"
#endif

static const struct {
    const char *expected;
    const char *message;
} ROWS[] = {
    {"accepted", "{" GOOD "}"},
    {"accepted", "{" GOOD ",\"device\":\"cam-1\",\"note\":\"braces { [ in a string, and \\\" too\"}"},
    {"accepted", "{" GOOD ",\"stop\":\"graceful\"}"},
    {IN_CONTROL_ONLY, "{" GOOD ",\"stop\":\"plain\"}"},
    {IN_CONTROL_ONLY, "{" GOOD ",\"stop\":\"kill_task\"}"},
    {IN_CONTROL_ONLY, "{" GOOD ",\"stop\":\"close_recorded\",\"reuse\":true,\"reuse_to\":\"10.0.2.2:9000\"}"},
    {IN_CONTROL_ONLY, "{" GOOD ",\"stop\":\"close_all\"}"},
    {"strategy_unknown", "{" GOOD ",\"stop\":\"gracefully\"}"},
    {"strategy_unknown", "{" GOOD ",\"stop\":1}"},
    {"other_device", "{" GOOD ",\"device\":\"cam-2\"}"},
    {"malformed", "{" GOOD ",\"device\":1}"},
    {"malformed", ""},
    {"malformed", "update, please"},
    {"malformed", "[" GOOD "]"},
    {"malformed", "{" GOOD},
    {"malformed", "{" GOOD ",\"more\":{}}"},
    {"malformed", "{}"},
    {"malformed", "{\"version\":\"1.1.0\",\"sha256\":\"" SHA "\",\"size\":1000,\"counter\":8}"},
    {"malformed", "{\"url\":\"file:///etc\",\"version\":\"1.1.0\",\"sha256\":\"" SHA "\",\"size\":1000,\"counter\":8}"},
    {"malformed", "{" URL ",\"version\":\"\",\"sha256\":\"" SHA "\",\"size\":1000,\"counter\":8}"},
    {"malformed", "{" URL ",\"version\":\"1\\\"1\",\"sha256\":\"" SHA "\",\"size\":1000,\"counter\":8}"},
    {"malformed", "{" URL ",\"version\":\"1.1.0\",\"sha256\":\"" SHA "0\",\"size\":1000,\"counter\":8}"},
    {"malformed", "{" URL ",\"version\":\"1.1.0\",\"sha256\":\"x" SHA "\",\"size\":1000,\"counter\":8}"},
    {"malformed", "{" URL ",\"version\":\"1.1.0\",\"sha256\":\"" SHA "\",\"size\":0,\"counter\":8}"},
    {"malformed", "{" URL ",\"version\":\"1.1.0\",\"sha256\":\"" SHA "\",\"size\":-1,\"counter\":8}"},
    {"malformed", "{" URL ",\"version\":\"1.1.0\",\"sha256\":\"" SHA "\",\"size\":4294967296,\"counter\":8}"},
    {"malformed", "{" URL ",\"version\":\"1.1.0\",\"sha256\":\"" SHA "\",\"size\":1000.5,\"counter\":8}"},
    {"malformed", "{" URL ",\"version\":\"1.1.0\",\"sha256\":\"" SHA "\",\"size\":1000,\"counter\":\"8\"}"},
    {"malformed", "{" URL ",\"version\":\"1.1.0\",\"sha256\":\"" SHA "\",\"size\":1000,\"counter\":1e300}"},
    {"replayed", "{" URL ",\"version\":\"1.1.0\",\"sha256\":\"" SHA "\",\"size\":1000,\"counter\":7}"},
    {"same_version", "{" URL ",\"version\":\"1.0.0\",\"sha256\":\"" SHA "\",\"size\":1000,\"counter\":8}"},
    {"accepted", "{" URL ",\"version\":\"1.1.0\",\"sha256\":\"" SHA "\",\"size\":1966080,\"counter\":8}"},
    {"image_too_large", "{" URL ",\"version\":\"1.1.0\",\"sha256\":\"" SHA "\",\"size\":1966081,\"counter\":8}"},
    {"no_ca", HTTPS},
    {"no_trigger_key", "{\"payload\":\"{}\",\"sig\":\"MEQ=\"}"},
    {"malformed", "{" GOOD ",\"sig\":\"MEQ=\"}"},
    {"malformed", "{" GOOD ",\"payload\":\"{}\"}"},
    {"malformed", "{\"payload\":1,\"sig\":\"MEQ=\"}"},
    {"malformed", "{\"payload\":{},\"sig\":\"MEQ=\"}"},
};

static void fields_are_read(void)
{
    const char *message = "{" GOOD "}";
    trigger_t t;
    EXPECT(trigger_check(message, strlen(message), &CONTEXT, &t) == NULL, "%s", message);
    EXPECT(strcmp(t.url, "http://10.0.2.2:8000/update.bin") == 0, "%s", t.url);
    EXPECT(strcmp(t.version, "1.1.0") == 0, "%s", t.version);
    EXPECT(t.size == 1000 && t.counter == 8 && t.stop == STOP_GRACEFUL, "%u", (unsigned)t.size);
    EXPECT(t.sha256[0] == 0x01 && t.sha256[7] == 0xEF && t.sha256[13] == 0xAB, "first byte %02x", t.sha256[0]);
}

static void long_values_are_refused(void)
{
    char message[TRIGGER_MAX_BYTES];
    char url[300];
    for (int len = 256; len <= 257; len++) {
        memset(url, 'u', sizeof(url));
        memcpy(url, "http://", 7);
        url[len] = '\0';
        snprintf(message, sizeof(message),
                 "{\"url\":\"%s\",\"version\":\"1.1.0\",\"sha256\":\"" SHA "\",\"size\":1000,\"counter\":8}", url);
        const char *expected = len == 256 ? "accepted" : "malformed";
        EXPECT(strcmp(reason_of(message), expected) == 0, "a URL of %d: %s", len, reason_of(message));
    }
}

/* cJSON alone would recurse a thousand levels deep, more than a task's stack holds. */
static void depth_and_length_are_bounded(void)
{
    char message[TRIGGER_MAX_BYTES + 2];
    memset(message, '[', sizeof(message));
    message[TRIGGER_MAX_BYTES] = '\0';
    EXPECT(strcmp(reason_of(message), "malformed") == 0, "%s", reason_of(message));
    message[TRIGGER_MAX_BYTES] = '[';
    message[TRIGGER_MAX_BYTES + 1] = '\0';
    EXPECT(strcmp(reason_of(message), "too_large") == 0, "%s", reason_of(message));
}

/* Messages need not end with a NUL: every beginning of a good one, in a buffer that ends there. */
static void cut_messages_are_malformed(void)
{
    static const char MESSAGE[] = "{" GOOD "}";
    trigger_t t;
    for (size_t len = 0; len < sizeof(MESSAGE) - 1; len++) {
        char *cut = malloc(len + 1);
        memcpy(cut, MESSAGE, len);
        const char *reason = trigger_check(cut, len, &CONTEXT, &t);
        EXPECT(reason != NULL && strcmp(reason, "malformed") == 0, "cut after %zu: %s", len,
               reason ? reason : "accepted");
        free(cut);
    }
}

static void https_needs_a_ca(void)
{
    trigger_context_t context = CONTEXT;
    trigger_t t;
    context.has_ca = true;
    EXPECT(trigger_check(HTTPS, strlen(HTTPS), &context, &t) == NULL, "with a CA");
}

int main(void)
{
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        const char *reason = reason_of(ROWS[i].message);
        EXPECT(strcmp(reason, ROWS[i].expected) == 0, "expected %s, got %s for %s", ROWS[i].expected, reason,
               ROWS[i].message);
    }
    fields_are_read();
    long_values_are_refused();
    depth_and_length_are_bounded();
    cut_messages_are_malformed();
    https_needs_a_ca();
    return 0;
}
