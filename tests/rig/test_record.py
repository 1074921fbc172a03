# SPDX-License-Identifier: Apache-2.0
"""The console record: bytes kept as they came, waits that look back and do not consume, ends that wake."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_hil.console import console as console_module
from pytest_hil.console.console import Console, ExpectedPanic
from pytest_hil.console.panic import Frame
from pytest_hil.console.record import ConsoleRecord, WaitFailed
from pytest_hil.verdict import complaints

from .conftest import cut


@pytest.fixture
def record(tmp_path: Path) -> Iterator[ConsoleRecord]:
    record = ConsoleRecord(tmp_path / "console.log")
    yield record
    record.end("the test is over")


def test_the_log_on_disk_is_the_bytes_received(record: ConsoleRecord) -> None:
    pieces = [b"abc\r\n", b"\xff\xfe\x00garbage", b"\r", b"\nlast", b"\x1b[0;31mE\x1b[0m"]
    for piece in pieces:
        record.feed(piece)
    record.end("done")
    assert record.log_path.read_bytes() == b"".join(pieces)
    assert record.bytes_received == len(b"".join(pieces))


def test_a_wait_looks_back_and_does_not_consume(record: ConsoleRecord) -> None:
    record.feed(b"one\ntwo\n")
    assert record.wait_line("two", 0).string == "two"
    assert record.wait_line("one", 0).string == "one"
    assert record.wait_line("two", 0).string == "two"


def test_a_wait_from_a_mark_sees_only_what_comes_after(record: ConsoleRecord) -> None:
    record.feed(b"ready\n")
    mark = record.mark()
    with pytest.raises(WaitFailed):
        record.wait_line("ready", 0.01, since=mark)
    record.feed(b"ready again\n")
    assert record.wait_line("ready", 0, since=mark).string == "ready again"


def test_a_wait_wakes_when_the_line_comes(record: ConsoleRecord) -> None:
    began = time.monotonic()
    timer = threading.Timer(0.1, record.feed, [b"late\n"])
    timer.start()
    record.wait_line("late", 10)
    assert 0.08 < time.monotonic() - began < 2
    timer.join()


def test_half_a_line_is_not_matched(record: ConsoleRecord) -> None:
    record.feed(b"heap=12")
    with pytest.raises(WaitFailed, match="unfinished"):
        record.wait_line("heap=12", 0.01)
    record.feed(b"34\n")
    assert record.wait_line(r"heap=(\d+)", 0).group(1) == "1234"


def test_the_end_of_the_source_ends_a_wait_at_once(record: ConsoleRecord) -> None:
    timer = threading.Timer(0.1, record.end, ["native-board was killed by signal 9"])
    timer.start()
    began = time.monotonic()
    with pytest.raises(WaitFailed, match="killed by signal 9"):
        record.wait_line("never", 30)
    assert time.monotonic() - began < 2
    timer.join()


def test_a_failed_wait_tells_the_whole_story(record: ConsoleRecord) -> None:
    record.feed(b"".join(b"line %d\n" % i for i in range(40)))
    with pytest.raises(WaitFailed) as failure:
        record.wait_line("the end", 0.02)
    story = str(failure.value)
    assert "the end" in story
    assert "of 0.02 s" in story
    assert "line 39" in story
    assert "line 10" not in story  # the last lines, not all
    assert str(record.log_path) in story


def test_an_unfinished_last_line_counts_once_the_source_has_ended(record: ConsoleRecord) -> None:
    record.feed(b"cut off in the mid")
    record.end("gone")
    assert [line.text for line in record.lines] == ["cut off in the mid"]


def test_colours_and_carriage_returns_are_not_text(record: ConsoleRecord) -> None:
    record.feed(b"\x1b[0;32mI (12) app: hello\x1b[0m\r\n")
    assert record.lines[0].text == "I (12) app: hello"


def test_carriage_returns_alone_end_lines_too_once_the_next_byte_is_known(record: ConsoleRecord) -> None:
    record.feed(b"10 %\r20 %\r")
    assert record.wait_line("10 %", 0).string == "10 %"
    with pytest.raises(WaitFailed):
        record.wait_line("20 %", 0.01)
    record.feed(b"do")
    assert record.wait_line("20 %", 0).string == "20 %"
    record.feed(b"ne\n\r\n")
    assert [line.text for line in record.lines] == ["10 %", "20 %", "done", ""]


def test_a_line_of_100_kb_byte_by_byte(record: ConsoleRecord) -> None:
    whole = bytes(32 + n % 90 for n in range(100_000))
    for byte in whole:
        record.feed(bytes([byte]))
    record.feed(b"\r\nnext\n")
    assert [line.raw for line in record.lines] == [whole, b"next"]


def test_a_character_cut_in_two_is_one_character(record: ConsoleRecord) -> None:
    record.feed(b"temp 21 \xc2")
    record.feed(b"\xb0C\n")
    assert record.lines[0].text == "temp 21 °C"


@settings(max_examples=200)
@given(
    st.lists(st.sampled_from([b"a", b"bc", b"\r", b"\n", b"\r\n", b"\xc3\xa9", b"\x1b[0m"]), max_size=30),
    st.lists(st.integers(1, 9), min_size=1, max_size=20),
)
def test_lines_do_not_depend_on_how_bytes_are_cut(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], sizes: list[int]
) -> None:
    whole = b"".join(pieces)
    folder = tmp_path_factory.mktemp("cut")
    at_once, in_pieces = ConsoleRecord(folder / "a"), ConsoleRecord(folder / "b")
    at_once.feed(whole)
    for piece in cut(whole, sizes):
        in_pieces.feed(piece)
    at_once.end("")
    in_pieces.end("")
    assert [line.raw for line in at_once.lines] == [line.raw for line in in_pieces.lines]


# ---- events


EventsOf = Callable[..., Console]


@pytest.fixture
def events_of(tmp_path: Path) -> Iterator[EventsOf]:
    consoles: list[Console] = []

    def feed(*lines: str) -> Console:
        console = Console(tmp_path / "console.log")
        consoles.append(console)
        console.feed("".join(line + "\n" for line in lines).encode())
        return console

    yield feed
    for console in consoles:
        console.end("the test is over")


def test_events_are_read_with_all_their_fields(events_of: EventsOf) -> None:
    console = events_of('@hil {"n":4,"t":17,"ev":"ready","heap":5,"strange":[1]}')
    event = console.wait_event("ready", 0)
    assert (event.n, event.t_ms, event["heap"], event["strange"]) == (4, 17, 5, [1])
    assert console.event_problems == []


def test_a_gap_in_the_numbers_is_a_lost_event(events_of: EventsOf) -> None:
    console = events_of('@hil {"n":0,"t":1,"ev":"boot"}', '@hil {"n":2,"t":9,"ev":"ready"}')
    assert len(console.event_problems) == 1
    assert "n=2, expected 1" in console.event_problems[0]


def test_a_repeated_number_is_told_too(events_of: EventsOf) -> None:
    console = events_of('@hil {"n":5,"t":1,"ev":"beat"}', '@hil {"n":5,"t":9,"ev":"beat"}')
    assert "n=5, expected 6" in console.event_problems[0]


def test_counting_starts_with_the_first_event_received_and_anew_at_each_boot(events_of: EventsOf) -> None:
    console = events_of(
        '@hil {"n":7,"t":1,"ev":"beat"}',
        '@hil {"n":8,"t":2,"ev":"beat"}',
        '@hil {"n":0,"t":0,"ev":"boot"}',
        '@hil {"n":1,"t":5,"ev":"ready"}',
    )
    assert console.event_problems == []
    assert [event.boot for event in console.events] == [0, 0, 1, 1]


@pytest.mark.parametrize("line", ['@hil {"n":1,"t":2,"ev"', "@hil {}", '@hil {"n":"x","ev":"a"}', "@hil []"])
def test_an_event_that_cannot_be_read_is_a_problem(events_of: EventsOf, line: str) -> None:
    assert len(events_of(line).event_problems) == 1


def test_waiting_for_an_event_ends_at_once_when_a_panic_comes(events_of: EventsOf) -> None:
    console = events_of("assert failed: foo bar.c:12 (x > 0)")
    began = time.monotonic()
    with pytest.raises(WaitFailed, match="a panic came: assert in foo"):
        console.wait_event("ready", 30)
    assert time.monotonic() - began < 1


def test_a_replay_with_its_remarks_says_what_the_live_console_said(tmp_path: Path) -> None:
    live = Console(tmp_path / "live.log")
    live.feed(b'@hil {"n":0,"t":1,"ev":"boot"}\n@hil {"n":1,"t":2,"ev":"be')
    live.lost()
    live.feed(b'@hil {"n":7,"t":9,"ev":"beat"}\n')
    live.reset_asked()
    live.feed(b'@hil {"n":0,"t":1,"ev":"boot","reset_reason":"TASK_WDT"}\n')
    live.end("the test is over")
    assert complaints(live) == []
    for remarks, clean in ((live.remarks, True), (live.remarks[:1], False), (live.remarks[1:], False)):
        again = Console(tmp_path / "again.log")
        again.replay((tmp_path / "live.log").read_bytes(), remarks)
        again.end("the log ends")
        assert (complaints(again) == []) == clean, remarks


GURU = "Guru Meditation Error: Core  0 panic'ed (Load access fault). Exception was unhandled."


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("/idf/components/lwip/lwip/src/api/api_msg.c", []),
        ("/idf/mbedtls/ssl.c", ["a panic", "the control"]),
    ],
)
def test_a_crash_in_lwip_stands_for_its_assert(
    events_of: EventsOf, monkeypatch: pytest.MonkeyPatch, file: str, told: list[str]
) -> None:
    frame = Frame("0x42010203", "whatever", file, 1)
    monkeypatch.setattr(console_module, "decoded", lambda panic, _: replace(panic, frames=(frame,)))
    console = events_of('@hil {"n":0,"t":1,"ev":"boot"}', GURU, "MEPC    : 0x42010203  RA      : 0x42010204", "")
    console.elf_of = lambda _: Path("of.elf")
    console.expected = ExpectedPanic(function="lwip_netconn_do_writemore")
    assert console.unexpected_panics == []  # not before it is decoded
    found = complaints(console)
    assert len(found) == len(told), found
    assert all(map(str.startswith, found, told)), found


def test_resets_are_read(events_of: EventsOf) -> None:
    console = events_of("rst:0xc (SW_CPU),boot:0x13 (SPI_FAST_FLASH_BOOT)")
    assert [(reset.code, reset.name) for reset in console.resets] == [(0xC, "SW_CPU")]


def test_a_log_that_cannot_be_written_ends_the_record_by_a_fault_of_the_bench() -> None:
    record = ConsoleRecord(Path("/dev/full"))
    record.feed(b"a line\n")
    assert record.fault == "the log /dev/full cannot be written: No space left on device"
    with pytest.raises(WaitFailed, match="No space left"):
        record.wait_line("never", 60)


def test_a_log_of_which_a_part_was_written_ends_the_record_too(record: ConsoleRecord) -> None:
    """As on a disk that is nearly full: it takes what fits, and only then says that it is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        record.feed(b"x" * 1500 + b"\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert record.fault == f"the log {record.log_path} cannot be written: File too large"
    assert record.lines == []
    assert record.log_path.stat().st_size == 1000


def test_what_a_port_lost_is_not_held_against_the_firmware(tmp_path: Path) -> None:
    """The line that was cut, the numbers that are missing, and the announcement of a restart that may be among them."""
    console = Console(tmp_path / "console.log")
    before, after = (
        b'@hil {"n":0,"t":1,"ev":"boot"}\n@hil {"n":1,"t":2,"ev":"be',
        b'at"}\n@hil {"n":9,"t":9,"ev":"beat"}\n',
    )
    console.feed(before)
    console.lost()
    console.feed(after + b'@hil {"n":0,"t":1,"ev":"boot","reset_reason":"SW"}\n@hil {"n":2,"t":3,"ev":"beat"}\n')
    assert [event.n for event in console.events] == [0, 9, 0, 2]
    assert console.panics == []
    assert console.event_problems == ["line 6: event 'beat' has n=2, expected 1: events were lost"]
    assert (tmp_path / "console.log").read_bytes().startswith(before + after)
    console.end("the test is over")


def test_a_panic_whose_line_a_port_cut_is_seen(tmp_path: Path) -> None:
    console = Console(tmp_path / "console.log")
    console.feed(b"assert failed: foo bar.c:12 (x > 0)")
    console.lost()
    assert [panic.function for panic in console.panics] == ["foo"]
    console.end("the test is over")
