/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The wires between the supervisor (power, flash, serial line, network card) and the program it runs.
 *
 * A program is started with these descriptors open. Nothing else is shared, so the program may die in any
 * way and the board remains.
 */
#pragma once

#include <stdint.h>

/* stdin, stdout and stderr of the program are the serial line (UART0). */
#define BOARD_FD_NET   3 /* AF_UNIX SOCK_SEQPACKET, one Ethernet frame (no FCS) a packet, both ways; BOARD_NET_MOVED */
#define BOARD_FD_LINK  4 /* AF_UNIX SOCK_SEQPACKET, struct board_request up, struct board_reply down */
#define BOARD_FD_FLASH 5 /* the flash file, opened read-only: mapped for reads, as a chip maps its flash */

/* A packet that is too short for a frame tells the card: the cable was pulled, and is plugged in somewhere else. */
#define BOARD_NET_MOVED 0x01 /* one byte, down */

#define BOARD_FLASH_SECTOR 4096u /* bytes; the smallest unit of erase */
#define BOARD_LINK_DATA    4096u /* bytes of payload in one request, at most */

enum board_op {
    BOARD_OP_HELLO = 1,   /* -> board_reply.hello; sent once, first */
    BOARD_OP_FLASH_ERASE, /* addr, len: multiples of BOARD_FLASH_SECTOR */
    BOARD_OP_FLASH_WRITE, /* addr, len <= BOARD_LINK_DATA, data: bits can only be cleared, as in NOR flash */
    BOARD_OP_RESET,       /* arg = enum board_reset: the supervisor kills the program and boots again; no reply */
    BOARD_OP_EXIT,        /* arg = exit code: for test programs; the supervisor ends with that code; no reply */
};

/* Same numbers as esp_reset_reason_t. */
enum board_reset {
    BOARD_RESET_UNKNOWN = 0,
    BOARD_RESET_POWERON = 1,
    BOARD_RESET_EXT = 2,
    BOARD_RESET_SW = 3,
    BOARD_RESET_PANIC = 4,
    BOARD_RESET_INT_WDT = 5,
    BOARD_RESET_TASK_WDT = 6,
    BOARD_RESET_WDT = 7,
    BOARD_RESET_DEEPSLEEP = 8,
    BOARD_RESET_BROWNOUT = 9,
};

struct board_hello {
    uint32_t reset_reason; /* enum board_reset */
    uint32_t heap_bytes;   /* size of the one heap arena */
    uint32_t flash_bytes;
    uint32_t app_offset; /* flash address of the slot this program was loaded from; 0 when run by --program */
    uint32_t app_size;   /* size of that partition, bytes */
    uint32_t seed;       /* for esp_random(); a run is repeatable as far as time allows */
    uint8_t mac[6];
    uint8_t reserved[2];
};

struct board_request {
    uint32_t op; /* enum board_op */
    uint32_t addr;
    uint32_t len;
    uint32_t arg;
    uint8_t data[BOARD_LINK_DATA]; /* only the first len bytes of a FLASH_WRITE are sent */
};

struct board_reply {
    int32_t err;              /* esp_err_t: 0 = ESP_OK, 0x102 = INVALID_ARG, 0x104 = INVALID_SIZE, -1 = FAIL */
    struct board_hello hello; /* BOARD_OP_HELLO alone */
};

#define BOARD_REQUEST_HEAD 16u /* bytes of board_request before data */
