/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The command line of native-board. A wrong one gives one clear line and EXIT_USAGE.
 */
#define _GNU_SOURCE
#include "options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "diagnostics.h"

/* About what an ESP32 has free with Wi-Fi up (160 KB), times four for pointers of 64 bits. */
#define DEFAULT_HEAP_KB 640
#define MAX_HEAP_KB     (1024 * 1024)

static const char USAGE[] =
    "usage: native-board --flash FILE [--forward HOSTADDR:HOSTPORT:BOARDPORT]... [--heap-kb N]\n"
    "                    [--serial stdio|pty] [--lifeline] [--control SOCKET] [--mac aa:bb:cc:dd:ee:ff]\n"
    "                    [--seed N] [--program ELF [ARGS...]]\n"
    "\n"
    "  --flash FILE      the flash, 4 MB with a partition table at 0x8000; may be left out with --program\n"
    "  --forward         a TCP port of the runner that leads to one of the board; HOSTPORT 0: a free one (see "
    "`status`)\n"
    "  --heap-kb N       size of the heap arena (default 640: an ESP32's 160 KB times 4 for 64-bit pointers)\n"
    "  --serial          stdio: stdin and stdout are the serial line; pty: its path is in `status`\n"
    "  --lifeline        with --serial pty: end when stdin ends (stdio always does)\n"
    "  --control SOCKET  a Unix socket for the commands status, reset, power on|off, link up|down,\n"
    "                    address 10.0.2.N, loss PERCENT, delay MS, cut AFTER_OPS [torn BYTES], quit; a line in, a line "
    "of JSON out\n"
    "  --seed N          of esp_random() and of the packet loss; default: random (see `status`)\n"
    "  --program ELF     run this program in place of the one in the flash; all that follows is for it\n"
    "\n"
    "exit codes: 0 ended on request, 2 wrong use, 3 could not start, or the program's own with --program\n";

static bool number(const char *text, unsigned long max, unsigned long *out)
{
    char *end;
    if (*text < '0' || *text > '9') {
        return false;
    }
    errno = 0;
    *out = strtoul(text, &end, 0);
    return errno == 0 && *end == '\0' && *out <= max;
}

static bool parse_forward(struct options *options, const char *text)
{
    char copy[64];
    unsigned long host_port, board_port;
    struct in_addr host_addr;

    if (options->forward_count == MAX_FORWARDS) {
        diagnose("--forward %s: there is room for %d forwards", text, MAX_FORWARDS);
        return false;
    }
    if (strlen(text) >= sizeof(copy)) {
        goto malformed;
    }
    strcpy(copy, text);
    char *first = strchr(copy, ':');
    char *second = first ? strchr(first + 1, ':') : NULL;
    if (second == NULL) {
        goto malformed;
    }
    *first = *second = '\0';
    if (inet_pton(AF_INET, copy, &host_addr) != 1 || !number(first + 1, 65535, &host_port) ||
        !number(second + 1, 65535, &board_port) || board_port == 0) {
        goto malformed;
    }
    /* A client that is not on loopback would be answered outside 10.0.2.0/24, and such packets are dropped. */
    if ((ntohl(host_addr.s_addr) >> 24) != 127) {
        diagnose("--forward %s: the host address must be a loopback address, such as 127.0.0.1", text);
        return false;
    }
    options->forwards[options->forward_count++] =
        (struct forward){.host_addr = host_addr, .host_port = (uint16_t)host_port, .board_port = (uint16_t)board_port};
    return true;
malformed:
    diagnose("--forward %s: write HOSTADDR:HOSTPORT:BOARDPORT, such as 127.0.0.1:0:80", text);
    return false;
}

static bool parse_mac(struct options *options, const char *text)
{
    char excess;
    if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", &options->mac[0], &options->mac[1], &options->mac[2],
               &options->mac[3], &options->mac[4], &options->mac[5], &excess) != 6) {
        diagnose("--mac %s: write six hexadecimal bytes, such as 02:00:00:00:00:01", text);
        return false;
    }
    if (options->mac[0] & 1) {
        diagnose("--mac %s: a board's own address cannot be a multicast one (first byte odd)", text);
        return false;
    }
    return true;
}

static bool parse_one(struct options *options, int option, const char *text)
{
    unsigned long value;
    switch (option) {
    case 'f':
        options->flash_path = text;
        return true;
    case 'w':
        return parse_forward(options, text);
    case 'h':
        if (!number(text, MAX_HEAP_KB, &value) || value == 0) {
            diagnose("--heap-kb %s: write a number of KB, 1 to %d", text, MAX_HEAP_KB);
            return false;
        }
        options->heap_kb = (uint32_t)value;
        return true;
    case 's':
        if (strcmp(text, "stdio") != 0 && strcmp(text, "pty") != 0) {
            diagnose("--serial %s: write stdio or pty", text);
            return false;
        }
        options->serial = text[0] == 'p' ? SERIAL_PTY : SERIAL_STDIO;
        return true;
    case 'l':
        options->lifeline = true;
        return true;
    case 'c':
        options->control_path = text;
        return true;
    case 'm':
        return parse_mac(options, text);
    case 'r':
        if (!number(text, UINT32_MAX, &value)) {
            diagnose("--seed %s: write a number from 0 to 4294967295", text);
            return false;
        }
        options->seed = (uint32_t)value;
        return true;
    default:
        return false; /* getopt has said what was wrong */
    }
}

bool options_parse(struct options *options, int argc, char **argv, int *exit_code)
{
    static const struct option LONG[] = {
        {"flash", required_argument, NULL, 'f'},
        {"forward", required_argument, NULL, 'w'},
        {"heap-kb", required_argument, NULL, 'h'},
        {"serial", required_argument, NULL, 's'},
        {"lifeline", no_argument, NULL, 'l'},
        {"control", required_argument, NULL, 'c'},
        {"mac", required_argument, NULL, 'm'},
        {"seed", required_argument, NULL, 'r'},
        {"program", required_argument, NULL, 'p'},
        {"help", no_argument, NULL, '?' + 256},
        {NULL, 0, NULL, 0},
    };
    int option;

    *options = (struct options){.heap_kb = DEFAULT_HEAP_KB, .mac = {0x02, 0x00, 0x00, 0x00, 0x00, 0x01}};
    if (getrandom(&options->seed, sizeof(options->seed), 0) != sizeof(options->seed)) {
        options->seed = 1;
    }
    *exit_code = EXIT_USAGE;
    argv[0] = "native-board"; /* getopt's own messages begin with it */
    while ((option = getopt_long(argc, argv, "+", LONG, NULL)) != -1) {
        if (option == '?' + 256) {
            fputs(USAGE, stdout);
            *exit_code = EXIT_ENDED;
            return false;
        }
        if (option == 'p') { /* all that follows belongs to the program */
            options->program_path = optarg;
            options->program_argv = &argv[optind - 1];
            options->program_argv[0] = optarg;
            break;
        }
        if (!parse_one(options, option, optarg)) {
            return false;
        }
    }
    if (options->program_path == NULL && optind < argc) {
        diagnose("%s: not an option; see native-board --help", argv[optind]);
        return false;
    }
    if (options->flash_path == NULL && options->program_path == NULL) {
        diagnose("--flash FILE is missing; see native-board --help");
        return false;
    }
    return true;
}
