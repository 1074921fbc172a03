# SPDX-License-Identifier: Apache-2.0
"""Texts of panics with what must be read from them, and ordinary texts that sound like panics.

Invalid UTF-8 is written as lone surrogates (Python's surrogateescape).
"""

from __future__ import annotations

from typing import Any

LWIP = (
    "assert failed: lwip_netconn_do_writemore IDF/components/lwip/lwip/src/api/api_msg.c:1737 "
    "(conn->current_msg->msg.w.offset < conn->current_msg->msg.w.len)"
)
BACKTRACE = "Backtrace: 0x40081f5a:0x3ffb5b90 0x40086d4d:0x3ffb5bb0 0x4008c2c5:0x3ffb5bd0"
TAIL = f"\r\n{BACKTRACE}\r\n\r\n\r\nELF file SHA256: 0123456789abcdef\r\n\r\nRebooting...\r\n"

POSITIVE: list[tuple[str, str, dict[str, Any]]] = [
    ("assert", LWIP, {"kind": "assert", "function": "lwip_netconn_do_writemore", "line": 1737}),
    ("assert in full", LWIP + TAIL, {"kind": "assert", "backtrace": tuple(BACKTRACE.split()[1:])}),
    (
        "assert with parentheses in it",
        "assert failed: tcp_update_rcv_ann_wnd tcp.c:954 (new_rcv_ann_wnd <= (0xffff))",
        {"function": "tcp_update_rcv_ann_wnd", "expression": "new_rcv_ann_wnd <= (0xffff)", "file": "tcp.c"},
    ),
    (
        "assert in C++",
        "assert failed: void Pump::run(int) ./main/pump.cpp:12 (on)",
        {"function": "void Pump::run(int)", "file": "./main/pump.cpp", "line": 12},
    ),
    ("assert cut by its buffer", "assert failed: f a.c:1 (a_very_long_expression && anoth", {"function": "f"}),
    ("silent assert", "assert failed: 0x400d1234", {"kind": "assert", "function": None}),
    (
        "old assert",
        'assertion "p != NULL" failed: file "queue.c", line 99, function: xQueueSend',
        {"kind": "assert", "function": "xQueueSend", "file": "queue.c", "line": 99, "expression": "p != NULL"},
    ),
    ("old assert without function", 'assertion "0" failed: file "a.c", line 3', {"function": None, "line": 3}),
    ("abort", "abort() was called at PC 0x400d1f3b on core 1", {"kind": "abort", "core": 1}),
    (
        "ESP_ERROR_CHECK",
        "ESP_ERROR_CHECK failed: esp_err_t 0x105 (ESP_ERR_NOT_FOUND) at 0x400d1f3b\n"
        'file: "./main/main.c" line 42\nfunc: app_main\nexpression: nvs_open("a", 0, &h)\n\n'
        "abort() was called at PC 0x40085a3c on core 0",
        {"kind": "esp_error_check", "cause": "ESP_ERR_NOT_FOUND", "function": "app_main", "line": 42, "core": 0},
    ),
    (
        "load prohibited",
        "Guru Meditation Error: Core  0 panic'ed (LoadProhibited). Exception was unhandled.",
        {"kind": "guru_meditation", "cause": "LoadProhibited", "core": 0},
    ),
    (
        "store prohibited, coloured",
        "\x1b[0;31mGuru Meditation Error: Core  1 panic'ed (StoreProhibited). Exception was unhandled.\x1b[0m",
        {"cause": "StoreProhibited", "core": 1},
    ),
    (
        "interrupt watchdog",
        "Guru Meditation Error: Core  1 panic'ed (Interrupt wdt timeout on CPU1).",
        {"cause": "Interrupt wdt timeout on CPU1"},
    ),
    (
        "RISC-V",
        "Guru Meditation Error: Core  0 panic'ed (Load access fault). Exception was unhandled.\n\n"
        "Core  0 register dump:\nMEPC    : 0x42008e1a  RA      : 0x42008e10\n\nStack memory:\n3fc9a0b0: 0x0 0x0\n\n"
        "ELF file SHA256: 0123456789abcdef\n\nRebooting...",
        {"cause": "Load access fault"},
    ),
    (
        "stack protection",
        'Guru Meditation Error: Core  0 panic\'ed (Stack protection fault). Detected in task "httpd" at 0x42008e1a',
        {"cause": "Stack protection fault"},
    ),
    (
        "stack canary",
        "Guru Meditation Error: Core  0 panic'ed (Unhandled debug exception). \n"
        "Debug exception reason: Stack canary watchpoint triggered (httpd) ",
        {"kind": "guru_meditation", "task": "httpd"},
    ),
    (
        "stack overflow",
        "\n***ERROR*** A stack overflow in task main has been detected.\n\n" + BACKTRACE,
        {"kind": "stack_overflow", "task": "main"},
    ),
    (
        "stack smashing",
        "Stack smashing protect failure!\n\nabort() was called at PC 0x1 on core 0",
        {"kind": "stack_smashing"},
    ),
    (
        "corrupt heap",
        "CORRUPT HEAP: Bad head at 0x3ffb9a64. Expected 0xabba1234 got 0x00000000\n"
        "assert failed: multi_heap_free multi_heap_poisoning.c:276 (head != NULL)",
        {"kind": "heap_corruption", "function": "multi_heap_free", "line": 276},
    ),
    ("brownout", "\r\nBrownout detector was triggered\r\n", {"kind": "brownout"}),
    ("brownout, newer", "E BOD: Brownout detector was triggered", {"kind": "brownout"}),
    ("re-entered", "Re-entered core dump! Exception happened during core dump!", {"kind": "panic_reentered"}),
    (
        "twice",
        "Panic handler entered multiple times. Abort panic handling. Rebooting ...",
        {"kind": "panic_reentered"},
    ),
    (
        "task watchdog that aborts",
        "E (9) task_wdt: Aborting.\nabort() was called at PC 0x400d on core 0",
        {"kind": "abort"},
    ),
    (
        "interleaved with another core",
        f"I (5123) wifi: con{LWIP}\n{BACKTRACE}",
        {"function": "lwip_netconn_do_writemore"},
    ),
    ("opener lost", f"bar.c:12 (x)\n{BACKTRACE}\nELF file SHA256: 0123456789abcdef\nRebooting...", {"kind": "unknown"}),
    ("registers without opener", "Core  0 register dump:\nMEPC    : 0x42008e1a  RA : 0x1", {"kind": "unknown"}),
    (
        "assert that another core cut in two",
        "assert failed: netconn_drain IDF/components/lwip/lwip/src/api/api_lib.c:I (5123) wifi: state\n"
        f"931 (netconn marked closed)\n{BACKTRACE}",
        {"kind": "assert", "function": "netconn_drain"},
    ),
    (
        "assert with another core's line glued on",
        "assert failed: recv_tcp api_msg.c:297 (recv for wrong pcb!)I (77) wifi: state: run (5)",
        {"function": "recv_tcp", "expression": "recv for wrong pcb!", "line": 297},
    ),
    (
        "assert behind a wrong baud rate",
        "\udcff\udcfe\x00\udc80assert failed: f a.c:9 (p)",
        {"function": "f", "line": 9},
    ),
    ("assert without its expression", "assert failed: tcpip_send_msg_wait_sem tcpip.c:449", {"line": 449}),
    (
        "assert with a bracket in quotes",
        "assert failed: parse json.c:88 (c != ')')",
        {"function": "parse", "expression": "c != ')'"},
    ),
    (
        "colour that lost its escape",
        "[0;31massert failed: err_tcp api_msg.c:465 (conn != NULL)",
        {"function": "err_tcp"},
    ),
    ("a monitor's time before it", f"2026-03-01 10:00:02 {LWIP}", {"function": "lwip_netconn_do_writemore"}),
    (
        "Arduino's monitor's time",
        "12:30:05.123 -> abort() was called at PC 0x400d on core 1",
        {"kind": "abort", "core": 1},
    ),
    (
        "FreeRTOS's own",
        "freertos/queue.c:1443 (xQueueGenericReceive)- assert failed!",
        {"function": "xQueueGenericReceive"},
    ),
    (
        "lwIP's own",
        'Assertion "tcp_slowtmr: active pcb->state != LISTEN" failed at line 1020 in src/core/tcp.c',
        {"line": 1020},
    ),
    ("cut right at the reset", "assert failed: lwip_netconn_do_wri", {"kind": "assert", "reset_reason": "SW_CPU"}),
    (
        "abort with another core's line glued on",
        "abort() was called at PC 0x400d1f3b on core 1I (77) wifi: state: run",
        {"kind": "abort", "core": 1},
    ),
    ("abort before a wrong baud rate", "abort() was called at PC 0x400d1f3b on core 1\udcff\udcfe\x00", {"core": 1}),
    (
        "assert that another core's line ends",
        f"assert failed: netconn_drainI (77) wifi: x\n api_lib.c:931 (netconn marked closed)\n{BACKTRACE}",
        {"function": "netconn_drain"},
    ),
    ("Guru cut off early", "Guru Meditation Error: Core  0 pan", {"kind": "guru_meditation", "core": 0}),
    ("stack canary alone", "Debug exception reason: Stack canary watchpoint triggered (httpd)", {"task": "httpd"}),
    ("ESP8266 abort", "Abort called\n\nUser exception (panic/abort/assert)\n\n>>>stack>>>", {"kind": "abort"}),
    ("ESP8266 C++", "Unhandled C++ exception: OOM", {"kind": "abort", "cause": "OOM"}),
    ("Guru cut off", "Guru Meditation Error: Core  1 panic'ed (LoadProh", {"kind": "guru_meditation", "core": 1}),
    (
        "Guru of ESP-IDF 2",
        "Guru Meditation Error of type StoreProhibited occurred on core  0. Exception was unhandled.",
        {"core": 0},
    ),
    (
        "instruction fetch",
        "Guru Meditation Error: Core  0 panic'ed (InstrFetchProhibited). Exception was unhandled.\n\n"
        "Core  0 register dump:\nPC      : 0x00000000  PS      : 0x00060330\n\nBacktrace:0x00000000:0x3ffb5b90",
        {"cause": "InstrFetchProhibited", "backtrace": ("0x00000000:0x3ffb5b90",)},
    ),
    (
        "illegal instruction",
        "Guru Meditation Error: Core  0 panic'ed (IllegalInstruction). Exception was unhandled.",
        {},
    ),
    ("double exception", "Guru Meditation Error: Core  0 panic'ed (Double exception).", {"cause": "Double exception"}),
    (
        "cache error",
        "Guru Meditation Error: Core  0 panic'ed (Cache error). \n"
        "Cached memory region accessed while ibus or cache is disabled.",
        {"cause": "Cache error"},
    ),
    (
        "stack canary in the cause",
        "Guru Meditation Error: Core  0 panic'ed (Stack canary watchpoint triggered (sys_evt)).",
        {"task": "sys_evt"},
    ),
    (
        "RISC-V store fault",
        "Guru Meditation Error: Core  0 panic'ed (Store access fault). Exception was unhandled.\n\n"
        "Core  0 register dump:\nMEPC    : 0x42008e1a  RA      : 0x42008e10  SP      : 0x3fc9a0b0",
        {"backtrace": ("0x42008e1a", "0x42008e10")},
    ),
    (
        "RISC-V stack overflow with its task",
        'Guru Meditation Error: Core  0 panic\'ed (Stack protection fault). \n\nDetected in task "httpd" at 0x42008e1a',
        {"task": "httpd"},
    ),
    (
        "task watchdog, configured to panic",
        "E (10316) task_wdt: Task watchdog got triggered. The following tasks/users did not reset the watchdog"
        " in time:\nE (10316) task_wdt:  - IDLE0 (CPU 0)\nE (10316) task_wdt: Tasks currently running:\n"
        "E (10316) task_wdt: CPU 0: httpd\nE (10316) task_wdt: Aborting.\n"
        f"\nabort() was called at PC 0x400d1f3b on core 0\n\n\n{BACKTRACE}",
        {"kind": "task_watchdog", "core": 0, "backtrace": tuple(BACKTRACE.split()[1:])},
    ),
    (
        "undefined behaviour",
        "Undefined behavior of type out_of_bounds\n\nabort() was called at PC 0x1 on core 0",
        {"core": 0},
    ),
    ("brownout with its time", "E (52) brownout: Brownout detector was triggered", {"kind": "brownout"}),
    (
        "core dump after it",
        f"{LWIP}\n{BACKTRACE}\nELF file SHA256: 0123456789abcdef\n"
        + "".join(f"I ({i}) esp_core_dump_flash: Save core dump\n" for i in range(9))
        + "Re-entered core dump! Exception happened during core dump!\nRebooting...",
        {"kind": "assert"},
    ),
    (
        "silent watchdog",
        "rst:0x8 (TG1WDT_SYS_RESET),boot:0x13",
        {"kind": "watchdog_reset", "reset_reason": "TG1WDT_SYS_RESET"},
    ),
    ("silent watchdog of the RTC", "rst:0x9 (RTCWDT_SYS),boot:0x13", {"kind": "watchdog_reset"}),
    ("a glitch of the supply", "rst:0x17 (POWER_GLITCH_RESET),boot:0x8", {"kind": "brownout"}),
    ("a core that locked up", "rst:0x1a (CPU_LOCKUP_RESET),boot:0x8", {"kind": "silent_reset"}),
    ("silent brownout", "rst:0xf (RTCWDT_BROWN_OUT_RESET),boot:0x13", {"kind": "brownout"}),
    (
        "silent reset",
        '@hil {"n":7,"t":9000,"ev":"beat"}\n@hil {"n":0,"t":3,"ev":"boot","reset_reason":"PANIC"}',
        {"kind": "silent_reset", "reset_reason": "PANIC"},
    ),
    (
        "a restart nobody announced",
        '@hil {"n":7,"t":9000,"ev":"beat"}\n@hil {"n":0,"t":3,"ev":"boot","reset_reason":"SW"}',
        {"kind": "silent_reset", "reset_reason": "SW"},
    ),
    (
        "a watchdog told by ROM and app",
        '@hil {"n":7,"t":9,"ev":"beat"}\nrst:0x7 (TG0WDT_SYS),boot:0x13\n'
        '@hil {"n":0,"t":3,"ev":"boot","reset_reason":"INT_WDT"}',
        {"kind": "watchdog_reset", "reset_reason": "INT_WDT"},
    ),
    (
        "boot loop",
        "rst:0x3 (SW_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\nconfigsip: 0, SPIWP:0xee\n"
        "I (29) boot: ESP-IDF v5.4.2 2nd stage bootloader\nE (80) boot: No bootable app partitions in the table\n" * 3,
        {"kind": "boot_loop"},
    ),
    (
        "boot loop by the ROM's watchdog",
        "rst:0x10 (RTCWDT_RTC_RESET),boot:0x13\ninvalid header: 0xffffffff\n" * 2,
        {"kind": "boot_loop", "reset_reason": "RTCWDT_RTC_RESET"},
    ),
    ("ESP8266 software watchdog", "\nSoft WDT reset\n\n>>>stack>>>\n", {"kind": "watchdog", "cause": "Soft WDT reset"}),
    (
        "ESP8266 hardware watchdog",
        " ets Jan  8 2013,rst cause:4, boot mode:(3,6)\n\nwdt reset",
        {"kind": "watchdog_reset"},
    ),
    (
        "ESP8266 assert",
        "Panic src/pump.cpp:12 void run()\n: Assertion 'on' failed.\n\n>>>stack>>>",
        {"kind": "abort", "file": "src/pump.cpp", "function": "void run()", "expression": "on"},
    ),
    ("ESP8266 with its address", "Exception (28):\nepc1=0x40201234 epc2=0x00000000", {"backtrace": ("0x40201234",)}),
    ("ESP8266", "Fatal exception 28(LoadProhibitedCause):\nepc1=0x40100191", {"kind": "exception"}),
    ("ESP8266 without its name", "Fatal exception (0): \nepc1=0x40100191", {"kind": "exception", "cause": "(0)"}),
    ("ESP8266 Arduino", "Exception (29):\nepc1=0x4000e1b2 epc2=0x00000000", {"kind": "exception", "cause": "29"}),
]

NEGATIVE: list[tuple[str, str]] = [
    ("a quoted assert", f"I (12) app: {LWIP}"),
    ("a quoted Guru", "W (1) log: Guru Meditation Error: Core  0 panic'ed (LoadProhibited)."),
    ("a word", "I (12) app: no panic here, all asserts passed"),
    ("assert without its parts", "assert failed: three times today"),
    ("Guru without a core", "Guru Meditation Error: see the manual"),
    ("abort without an address", "abort() was called by the user"),
    (
        "a check without abort",
        "ESP_ERROR_CHECK_WITHOUT_ABORT failed: esp_err_t 0x105 (ESP_ERR_NOT_FOUND) at 0x400d1f3b",
    ),
    ("the ELF digest of a boot", "I (345) app_init: ELF file SHA256:  0123456789abcdef..."),
    ("the ELF digest of an old boot", "I (345) cpu_start: ELF file SHA256:  0123456789abcdef..."),
    ("a bare ELF digest", "ELF file SHA256: 0123456789abcdef"),
    (
        "a task watchdog's warning",
        "E (10316) task_wdt: Task watchdog got triggered. The following tasks/users did not reset the watchdog "
        "in time:\n"
        "E (10316) task_wdt:  - IDLE (CPU 0)\nE (10316) task_wdt: Tasks currently running:\n"
        f"E (10316) task_wdt: CPU 0: main\nE (10316) task_wdt: Print CPU 0 (current core) backtrace\n\n{BACKTRACE}\n",
    ),
    ("a restart on purpose", "I (77) app: Rebooting..."),
    ("a bare restart", "Rebooting..."),
    ("a boot after a software reset", "rst:0xc (SW_CPU),boot:0x13 (SPI_FAST_FLASH_BOOT)"),
    ("a reset reason told", '@hil {"n":0,"t":3,"ev":"boot","reset_reason":"PANIC"}'),
    ("a document", "The text 'assert failed: f a.c:1 (x)' means that an assertion did not hold."),
    ("a heap check that passed", "I (3) heap: no CORRUPT HEAP: found"),
    ("a heap headline", "CORRUPT HEAP: how to find it"),
    ("a brownout setting", "I (20) boot: Brownout detector level 7"),
    ("an exception handled", "E (20) app: Exception (std::bad_alloc) handled"),
    ("a stack figure", "I (9) app: stack overflow checks are on in task main"),
    ("an event that quotes", '@hil {"n":3,"t":9,"ev":"trigger","reason":"assert failed: f a.c:1 (x)"}'),
    ("a backtrace asked for", BACKTRACE),
    (
        "a task watchdog's warning on RISC-V",
        "E (10316) task_wdt: Task watchdog got triggered. The following tasks/users did not reset the watchdog"
        " in time:\nE (10316) task_wdt:  - IDLE (CPU 0)\nE (10316) task_wdt: Print CPU 0 (current core) registers\n"
        "Core  0 register dump:\nMEPC    : 0x42008e1a  RA      : 0x42008e10\n\nStack memory:\n3fc9a0b0: 0x0 0x0\n",
    ),
    (
        "a warning after a quoted panic",
        f"I (9) diag: last time: {LWIP}\nE (10) task_wdt: Task watchdog got triggered. The following\n{BACKTRACE}",
    ),
    ("a quoted abort", "W (1) diag: last time: abort() was called at PC 0x400d1f3b on core 1"),
    ("a whole panic, quoted", "".join(f"I (9) diag: {line}\n" for line in (LWIP + TAIL).split("\r\n"))),
    (
        "a panic quoted, and much later a backtrace asked for",
        f"I (9) diag: was {LWIP}\n" + "I (9) x: y\n" * 9 + BACKTRACE,
    ),
    ("Arduino's log quotes", "[  1234][E][main.cpp:12] loop(): assert failed: f a.c:1 (x)"),
    ("a sentence about it", "assert failed: f a.c:1 (x) is what the console says then"),
    ("the words alone", "Guru Meditation Error, Backtrace, abort() and Rebooting are words"),
    ("a test's result", "test_assert.c:12:test_parse:FAIL: assert failed here"),
    ("abort of a transfer", "E (44) ota: abort() was requested"),
    ("a brownout that was counted", "I (20) app: Brownout detector was triggered 3 times last week"),
    ("a brownout told at boot", "I (20) app: reset reason: Brownout detector was triggered before"),
    ("a heap that is well", "I (21) heap: CORRUPT HEAP: 0 found, data fine"),
    ("a sum of stack", "I (9) app: Stack memory: 3 KB free"),
    ("a backtrace asked for, then a restart", f"{BACKTRACE}\n" + "I (9) app: tidying up\n" * 4 + "Rebooting..."),
    ("a restart in words", "Rebooting to apply the settings"),
    ("a restart after a countdown", "I (9) app: Rebooting in 3 seconds..."),
    ("a bare countdown", "Rebooting in 3 seconds..."),
    ("a C++ exception's name", "StackException (29):"),
    ("an exception with a name", "Exception (timeout): retrying"),
    ("the watchdog by its word", "I (9) app: Task watchdog got initialised, wdt reset period 5 s"),
    (
        "the ROM after power on",
        "ets Jul 29 2019 12:21:46\n\nrst:0x1 (POWERON_RESET),boot:0x13\nconfigsip: 0, SPIWP:0xee",
    ),
    ("waking from deep sleep", "rst:0x5 (DEEPSLEEP_RESET),boot:0x13\nload:0x3fff0030,len:7\nentry 0x400805e0\n" * 4),
    ("the reset button, often", "rst:0x1 (POWERON),boot:0x13\nI (29) boot: ESP-IDF v5.4.2 2nd stage bootloader\n" * 4),
    (
        "restarts of an app that runs",
        "rst:0xc (SW_CPU_RESET),boot:0x13\nI (29) boot: hello\nwoken, measured, going\n" * 4,
    ),
    (
        "a restart that was announced",
        '@hil {"n":7,"t":9,"ev":"restart","why":"update"}\nrst:0xc (SW_CPU),boot:0x13\n'
        '@hil {"n":0,"t":3,"ev":"boot","reset_reason":"SW"}',
    ),
    (
        "a rollback",
        '@hil {"n":7,"t":9,"ev":"rollback","reason":"net"}\n@hil {"n":0,"t":3,"ev":"boot","reset_reason":"SW"}',
    ),
    (
        "the reset button in an event",
        '@hil {"n":7,"t":9,"ev":"beat"}\n@hil {"n":0,"t":3,"ev":"boot","reset_reason":"EXT"}',
    ),
    (
        "a check that failed in a test",
        "E (5) ota: esp_ota_write failed (ESP_ERR_OTA_VALIDATE_FAILED): image is corrupt",
    ),
    ("a rollback's own words", "W (9) esp_ota_ops: Rollback to previously worked partition."),
    ("no app in one slot", "E (80) boot: OTA app partition slot 1 is not bootable"),
    ("a truncated download", "E (900) esp_https_ota: Connection closed before complete data was received!"),
    ("noise of a wrong baud rate", "\udcff\udc80\udcfe\x00\x1b[\udcc3a\x07\udcf0\udc9f"),
    ("a core dump summary", "I (50) esp_core_dump: Found core dump 1234 bytes in flash @ 0x3e0000"),
]
