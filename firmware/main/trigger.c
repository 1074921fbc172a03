/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Reading and checking triggers. What arrives is whatever somebody published: it is opened (trigger_envelope.c), then
 * every field is checked for its type and its range, and the first thing wrong is the reason that is told.
 */
#include "trigger.h"

#include <string.h>

#include "cJSON.h"
#include "sdkconfig.h"

#include "trigger_envelope.h"

#define EXACT_IN_JSON 9007199254740992.0 /* 2^53: a JSON number is a double */

static const char *const STRATEGY_NAMES[STOP_STRATEGIES] = {"graceful", "plain", "kill_task", "close_recorded",
                                                            "close_all"};

const char *stop_strategy_name(stop_strategy_t strategy)
{
    return STRATEGY_NAMES[strategy];
}

static bool read_string(const cJSON *object, const char *key, char *out, size_t size)
{
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    if (value == NULL || value[0] == '\0' || strlen(value) >= size) {
        return false;
    }
    strcpy(out, value);
    return true;
}

static bool read_whole_number(const cJSON *object, const char *key, double most, uint64_t *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 1.0 && item->valuedouble <= most)) {
        return false;
    }
    *out = (uint64_t)item->valuedouble;
    return (double)*out == item->valuedouble;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_sha256(const cJSON *object, uint8_t out[32])
{
    char hex[65];
    if (!read_string(object, "sha256", hex, sizeof(hex)) || strlen(hex) != 64) {
        return false;
    }
    for (size_t i = 0; i < 32; i++) {
        const int high = hex_digit(hex[2 * i]);
        const int low = hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* Versions are put into events and status messages as they are, so they may not hold a quote. */
static bool read_version(const cJSON *object, char *out, size_t size)
{
    return read_string(object, "version", out, size) &&
           out[strspn(out, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.+-_")] == '\0';
}

static bool read_fields(const cJSON *object, trigger_t *out)
{
    uint64_t size;
    if (!read_string(object, "url", out->url, sizeof(out->url)) ||
        (strncmp(out->url, "http://", 7) != 0 && strncmp(out->url, "https://", 8) != 0) ||
        !read_version(object, out->version, sizeof(out->version)) || !read_sha256(object, out->sha256) ||
        !read_whole_number(object, "size", (double)UINT32_MAX, &size) ||
        !read_whole_number(object, "counter", EXACT_IN_JSON, &out->counter)) {
        return false;
    }
    out->size = (uint32_t)size;
    return true;
}

/* @return NULL, or why not. */
static const char *read_strategy(const cJSON *object, trigger_t *out)
{
    out->stop = STOP_GRACEFUL;
    const cJSON *stop = cJSON_GetObjectItemCaseSensitive(object, "stop");
    if (stop == NULL) {
        return NULL;
    }
    const char *name = cJSON_GetStringValue(stop);
    size_t strategy = 0;
    while (strategy < STOP_STRATEGIES && (name == NULL || strcmp(name, STRATEGY_NAMES[strategy]) != 0)) {
        strategy++;
    }
    if (strategy == STOP_STRATEGIES) {
        return "strategy_unknown";
    }
    out->stop = (stop_strategy_t)strategy;
#if CONFIG_HIL_STOP_STRATEGIES
    out->reuse = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "reuse"));
    if (out->reuse && !read_string(object, "reuse_to", out->reuse_to, sizeof(out->reuse_to))) {
        return "malformed";
    }
    return NULL;
#else
    return out->stop == STOP_GRACEFUL ? NULL : "strategy_not_built";
#endif
}

static const char *check(const cJSON *fields, const trigger_context_t *context, trigger_t *out)
{
    const cJSON *device = cJSON_GetObjectItemCaseSensitive(fields, "device");
    const bool for_one = context->key->state == SIGNATURE_KEY_USABLE; /* or one signature would do for all boards */
    if ((device == NULL && for_one) || (device != NULL && !cJSON_IsString(device))) {
        return "malformed";
    }
    if (device != NULL && strcmp(device->valuestring, context->device_id) != 0) {
        return "other_device";
    }
    if (!read_fields(fields, out)) {
        return "malformed";
    }
    if (out->counter <= context->last_counter) {
        return "replayed";
    }
    if (strcmp(out->version, context->running_version) == 0) {
        return "same_version";
    }
    if (out->size > context->slot_bytes) {
        return "image_too_large";
    }
    if (!context->has_ca && strncmp(out->url, "https://", 8) == 0) {
        return "no_ca";
    }
    return read_strategy(fields, out);
}

const char *trigger_check(const char *message, size_t len, const trigger_context_t *context, trigger_t *out)
{
    memset(out, 0, sizeof(*out));
    if (len > TRIGGER_MAX_BYTES) {
        return "too_large";
    }
    cJSON *fields;
    const char *reason = trigger_envelope_open(message, len, context->key, &fields);
    if (reason == NULL) {
        reason = check(fields, context, out);
    }
    cJSON_Delete(fields);
    return reason;
}
