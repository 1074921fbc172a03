/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * status, reset, power, link, address, loss, delay, cut, quit: from words to the board, and back to one line of JSON.
 */
#define _GNU_SOURCE
#include "commands.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flash_file.h"
#include "rom_log.h"
#include "supervisor.h"

#define MAX_WORDS    5
#define MAX_DELAY_MS 60000
#define HEAP_SCALE   4 /* see DEFAULT_HEAP_KB */

struct words {
    char *at[MAX_WORDS];
    int count; /* MAX_WORDS + 1: too many */
};

__attribute__((format(printf, 1, 2))) static char *print(const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0) {
        abort();
    }
    va_end(args);
    return text;
}

static char *done(void)
{
    return print("{\"ok\":true}\n");
}

/* Only our own words go in here; what the client sent is not repeated, so nothing needs to be escaped. */
static char *refuse(const char *error)
{
    return print("{\"ok\":false,\"error\":\"%s\"}\n", error);
}

static char *forwards_json(const struct network *network)
{
    char *list = print("%s", "");
    for (int i = 0; i < network->forward_count; i++) {
        const struct open_forward *forward = &network->forwards[i];
        char host[INET_ADDRSTRLEN];
        inet_ntop(AF_INET, &forward->asked.host_addr, host, sizeof(host));
        char *longer = print("%s%s{\"host\":\"%s\",\"port\":%u,\"board_port\":%u}", list, i ? "," : "", host,
                             forward->host_port, forward->asked.board_port);
        free(list);
        list = longer;
    }
    return list;
}

static char *status(struct supervisor *board)
{
    const struct wire *wire = &board->network.wire;
    const struct options *options = board->options;
    char *forwards = forwards_json(&board->network);
    char address[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &board->network.board, address, sizeof(address));
    char slot[sizeof(board->choice.label) + 2] = "null";
    if (board->choice.label[0] != '\0' && options->program_path == NULL) {
        snprintf(slot, sizeof(slot), "\"%s\"", board->choice.label);
    }
    char *text = print("{\"ok\":true,\"power\":\"%s\",\"running\":%s,\"pid\":%d,\"boots\":%u,"
                       "\"resets\":{\"reason\":\"%s\"},\"forwards\":[%s],\"flash_ops\":%lu,\"serial\":\"%s\","
                       "\"slot\":%s,\"link\":\"%s\",\"address\":\"%s\",\"loss_percent\":%g,\"delay_ms\":%u,\"seed\":%u,"
                       "\"heap_kb\":%u,\"scale\":%d}\n",
                       board->powered ? "on" : "off", board->program.pid > 0 ? "true" : "false",
                       (int)board->program.pid, board->boots, reset_name(board->reason), forwards, flash_file_ops(),
                       board->serial.name, slot, wire->link_up ? "up" : "down", address, wire->loss * 100,
                       wire->delay_ms, options->seed, options->heap_kb, HEAP_SCALE);
    free(forwards);
    return text;
}

static bool number(const char *text, double max, double *out)
{
    char *end;
    if (*text < '0' || *text > '9') {
        return false;
    }
    *out = strtod(text, &end);
    return *end == '\0' && *out <= max;
}

static bool whole_number(const char *text, long max, long *out)
{
    char *end;
    if (*text < '0' || *text > '9') {
        return false;
    }
    errno = 0;
    *out = strtol(text, &end, 10);
    return errno == 0 && *end == '\0' && *out <= max;
}

static char *reset(struct supervisor *board, const struct words *words)
{
    (void)words;
    /* The EN pin. esp_reset_reason() of an ESP32 says POWERON after it: EXT does not exist on that chip. */
    return supervisor_reset(board, BOARD_RESET_POWERON) ? done() : refuse("the board is off: power on first");
}

static char *switch_power(struct supervisor *board, const struct words *words)
{
    bool on = strcmp(words->at[1], "on") == 0;
    if (!on && strcmp(words->at[1], "off") != 0) {
        return refuse("power: write power on or power off");
    }
    supervisor_power(board, on);
    return done();
}

static char *switch_link(struct supervisor *board, const struct words *words)
{
    bool up = strcmp(words->at[1], "up") == 0;
    if (!up && strcmp(words->at[1], "down") != 0) {
        return refuse("link: write link up or link down");
    }
    wire_set_link(&board->network.wire, up);
    return done();
}

static char *set_address(struct supervisor *board, const struct words *words)
{
    static const char LOWEST[] = "10.0.2.4", HIGHEST[] = "10.0.2.254"; /* slirp itself has those below */
    char why[160];
    struct in_addr address;
    if (inet_pton(AF_INET, words->at[1], &address) != 1 || ntohl(address.s_addr) < ntohl(inet_addr(LOWEST)) ||
        ntohl(address.s_addr) > ntohl(inet_addr(HIGHEST))) {
        return refuse("address: write one from 10.0.2.4 to 10.0.2.254");
    }
    return network_move(&board->network, address, why, sizeof(why)) ? done() : refuse(why);
}

static char *set_loss(struct supervisor *board, const struct words *words)
{
    double percent;
    if (!number(words->at[1], 100, &percent)) {
        return refuse("loss: write a percentage from 0 to 100");
    }
    board->network.wire.loss = percent / 100;
    return done();
}

static char *set_delay(struct supervisor *board, const struct words *words)
{
    long ms;
    if (!whole_number(words->at[1], MAX_DELAY_MS, &ms)) {
        return refuse("delay: write milliseconds from 0 to 60000");
    }
    board->network.wire.delay_ms = (uint32_t)ms;
    return done();
}

static char *arm_cut(struct supervisor *board, const struct words *words)
{
    long ops, torn_bytes = -1;
    bool torn = words->count == 4;
    if (words->count == 3 || !whole_number(words->at[1], 1000000000, &ops) ||
        (torn && (strcmp(words->at[2], "torn") != 0 || !whole_number(words->at[3], 4096, &torn_bytes)))) {
        return refuse("cut: write cut AFTER_OPS or cut AFTER_OPS torn BYTES (AFTER_OPS 0 disarms)");
    }
    if (!board->powered) {
        return refuse("the board is off: power on first");
    }
    supervisor_cut_after(board, ops, torn_bytes);
    return done();
}

static char *quit(struct supervisor *board, const struct words *words)
{
    (void)words;
    supervisor_end(board, EXIT_ENDED);
    return done();
}

static char *tell_status(struct supervisor *board, const struct words *words)
{
    (void)words;
    return status(board);
}

static struct words split(char *line)
{
    struct words words = {.count = 0};
    char *rest = line;
    for (char *word; (word = strtok_r(rest, " \t\r", &rest)) != NULL;) {
        if (words.count == MAX_WORDS) {
            words.count++;
            break;
        }
        words.at[words.count++] = word;
    }
    return words;
}

char *command_run(struct supervisor *board, char *line)
{
    static const struct {
        const char *name;
        int min_words, max_words;
        char *(*run)(struct supervisor *board, const struct words *words);
    } COMMANDS[] = {
        {"status", 1, 1, tell_status}, {"reset", 1, 1, reset},         {"power", 2, 2, switch_power},
        {"link", 2, 2, switch_link},   {"address", 2, 2, set_address}, {"loss", 2, 2, set_loss},
        {"delay", 2, 2, set_delay},    {"cut", 2, 4, arm_cut},         {"quit", 1, 1, quit},
    };
    struct words words = split(line);
    for (size_t i = 0; words.count > 0 && i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++) {
        if (strcmp(words.at[0], COMMANDS[i].name) == 0) {
            return words.count >= COMMANDS[i].min_words && words.count <= COMMANDS[i].max_words
                       ? COMMANDS[i].run(board, &words)
                       : refuse("wrong number of words: see native-board --help");
        }
    }
    return refuse("unknown command: status, reset, power on|off, link up|down, address 10.0.2.N, loss PERCENT, "
                  "delay MS, cut AFTER_OPS [torn BYTES], quit");
}
