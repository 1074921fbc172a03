# SPDX-License-Identifier: Apache-2.0
"""Panics: what must be found, what must not, and that the cutting of the bytes decides nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_hil.console.console import Console
from pytest_hil.console.panics import Panic

from .conftest import cut

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
    ("ESP8266", "Fatal exception 28(LoadProhibitedCause):\nepc1=0x40100191", {"kind": "exception"}),
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
    ("a core dump summary", "I (50) esp_core_dump: Found core dump 1234 bytes in flash @ 0x3e0000"),
]


def panics_of(folder: Path, text: str) -> list[Panic]:
    console = Console(folder / "console.log")
    console.feed(text.encode("utf-8", "surrogateescape") + b"\n")
    console.end("end of text")
    return console.panics


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in POSITIVE], ids=[row[0] for row in POSITIVE])
def test_panics_are_found_and_named(tmp_path: Path, text: str, expected: dict[str, Any]) -> None:
    panics = panics_of(tmp_path, f"I (1) boot: hello\n{text}\nrst:0xc (SW_CPU),boot:0x13\nI (1) boot: hello")
    assert len(panics) == 1, panics
    assert {field: getattr(panics[0], field) for field in expected} == expected


@pytest.mark.parametrize("text", [row[1] for row in NEGATIVE], ids=[row[0] for row in NEGATIVE])
def test_ordinary_logs_are_no_panics(tmp_path: Path, text: str) -> None:
    assert panics_of(tmp_path, f"I (1) boot: hello\n{text}\nI (99) app: going on") == []


def test_two_boots_two_panics_with_the_reasons_that_followed(tmp_path: Path) -> None:
    boot = 'rst:0xc (SW_CPU),boot:0x13\n@hil {"n":0,"t":1,"ev":"boot","reset_reason":"PANIC"}\n'
    panics = panics_of(tmp_path, (LWIP + TAIL + boot) * 2)
    assert [panic.function for panic in panics] == ["lwip_netconn_do_writemore"] * 2
    assert [panic.reset_reason for panic in panics] == ["PANIC"] * 2


def test_a_panic_far_back_gives_its_name_to_no_later_boot(tmp_path: Path) -> None:
    clean = '@hil {"n":0,"t":1,"ev":"boot","reset_reason":"SW"}\n'
    panics = panics_of(tmp_path, LWIP + TAIL + clean.replace("SW", "PANIC") + clean)
    assert [panic.reset_reason for panic in panics] == ["PANIC"]


def _mix(texts: list[str]) -> bytes:
    return "".join(f"{text}\r\nI (5) app: going on\n" for text in texts).encode()


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from([row[1] for row in POSITIVE] + [row[1] for row in NEGATIVE]), min_size=1, max_size=4),
    st.lists(st.integers(1, 97), min_size=1, max_size=40),
)
def test_any_cutting_of_the_same_bytes_gives_the_same_panics(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], sizes: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    whole = _mix(texts)
    at_once, in_pieces = Console(folder / "a.log"), Console(folder / "b.log")
    at_once.feed(whole)
    for piece in cut(whole, sizes):
        in_pieces.feed(piece)
    at_once.end("")
    in_pieces.end("")
    assert in_pieces.panics == at_once.panics
