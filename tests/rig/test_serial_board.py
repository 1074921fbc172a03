# SPDX-License-Identifier: Apache-2.0
"""A physical board, as far as a stand-in on a pty can be one: flashed by esptool's own code, and all else it does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from pytest_hil.boards.parking import place
from pytest_hil.boards.serial import SerialBoard
from pytest_hil.console.record import WaitFailed
from pytest_hil.errors import BenchError, NotRun, UsageError

from .serial_place import APP, HELLO, NVS, PROVISIONING, Place, wait_bytes, wait_reconnected


@pytest.mark.parametrize("stub", [True, False], ids=["stub", "ROM alone"])
def test_it_is_flashed_reset_and_read(here: Place, stub: bool) -> None:
    here.chip.flash[NVS : NVS + 16] = b"an older counter"
    board, record = here.board(stub=stub)
    board.start()
    record.wait_line("hello from the app", 5)
    assert here.chip.flash[APP : APP + 14] == b"app of release"
    assert here.chip.flash[PROVISIONING : PROVISIONING + 5] == b"told\xff"
    assert set(here.chip.flash[NVS : NVS + 0x5000]) == {0xFF}
    assert board.mac == "24:0a:c4:00:00:01"
    assert "waiting for download" not in record.log_path.read_text(), "the loader's words are no console"
    assert "Hash of data verified" in (board.load.folder / "flash.log").read_text()


def test_only_what_differs_is_written(here: Place) -> None:
    first, _ = here.board()
    first.start()
    assert first.written == [0x8000, PROVISIONING, APP]  # nvs was erased already
    first.stop()
    again, record = here.board()
    again.start()
    assert again.written == []
    again.stop()
    here.chip.flash[NVS] = 0
    other, record = here.board({"provisioning": b"told otherwise"})
    other.start()
    assert other.written == [NVS, PROVISIONING]
    record.wait_line("hello", 5)


def test_a_reset_and_bytes_to_the_board(here: Place) -> None:
    board, record = here.board()
    board.start()
    boots, mark = here.chip.boots, record.mark()
    board.reset()
    record.wait_line("hello", 5, mark)
    assert here.chip.boots == boots + 1
    board.write(b"ping\n")
    record.wait_line("heard ping", 5, mark)


def test_a_port_that_vanishes_and_comes_back_is_read_and_written_again_without_a_reset(here: Place) -> None:
    board, record = here.board()
    board.start()
    boots = here.chip.boots
    here.chip.say(b"half a li")
    wait_bytes(record, b"half a li")
    here.port.unplug()
    here.port.plug()
    wait_reconnected(board, record)
    here.chip.say(b"still the same boot\n")
    record.wait_line("still the same boot", 5)
    board.write(b"to the live port\n")
    record.wait_line("heard to the live port", 5)
    assert here.chip.boots == boots
    assert "half a li" in [line.text for line in record.lines], (
        "what followed is another line: nobody knows what is lost"
    )


def test_a_port_that_stays_away_ends_every_wait(here: Place) -> None:
    board, record = here.board(reconnect_s=1)
    board.start()
    here.port.unplug()
    with pytest.raises(WaitFailed, match="the serial port vanished and stayed away for 1 s"):
        record.wait_line("never", 30)


def test_babble_is_recorded_as_it_is(here: Place) -> None:
    board, record = here.board()
    babble = bytes(range(256)) * 400 + b"\n"
    here.chip.app = [b"\xc0\xff\xc0\x00\xc0" * 50, babble, HELLO]
    board.start()
    record.wait_line("hello", 10)
    board.stop()
    assert babble in record.log_path.read_bytes()


def test_babble_while_esptool_connects_is_survived(here: Place) -> None:
    here.chip.say(b"\xc0babble\xc0" * 500)
    board, record = here.board()
    board.start()
    record.wait_line("hello", 5)


def test_first_lines_lost_by_the_port_are_not_taken_for_silence(here: Place) -> None:
    board, record = here.board(speak_s=10)
    here.chip.app = []
    here.chip.silent_boots = 1  # as if the port had not been there yet

    started = threading.Event()

    def go_on() -> None:
        while not started.wait(0.5):
            here.chip.say(b"a line from the middle\n")

    middle = threading.Thread(target=go_on)
    middle.start()
    board.start()
    started.set()
    middle.join()
    record.wait_line("a line from the middle", 5)
    assert here.switch.told == ["reset"]


@pytest.mark.parametrize(
    "ask",
    [lambda b: b.power(False), lambda b: b.link(False), lambda b: b.loss(5), lambda b: b.delay(5)],
    ids=["power", "link", "loss", "delay"],
)
def test_what_it_cannot_do_is_not_run(here: Place, ask: Callable[[SerialBoard], None]) -> None:
    board, _ = here.board()
    with pytest.raises(NotRun, match=r"cannot|nothing"):
        ask(board)


def test_a_port_that_is_not_there_is_told_and_nothing_is_parked(here: Place) -> None:
    here.port.unplug()
    board, _ = here.board()
    with pytest.raises(BenchError, match="port: it does not exist"):
        board.start()
    lost, _ = here.board(port=None, serial_number="0001-NOT-HERE")
    with pytest.raises(BenchError, match="no serial port has the serial number 0001-NOT-HERE; is it plugged in"):
        lost.start()
    assert not place(board.config).exists()


def test_a_port_that_is_in_use_is_told_and_nothing_is_parked(here: Place) -> None:
    first, _ = here.board()
    first.start()
    second, _ = here.board()
    with pytest.raises(BenchError, match=r"busy|in use|lock"):
        second.start()
    assert not place(second.config).exists()


def test_its_flash_is_read_and_a_reset_brings_it_back(here: Place) -> None:
    board, record = here.board()
    board.start()
    assert board.read_flash(PROVISIONING, 0x4000)[:5] == b"told\xff"
    mark = record.mark()
    board.reset()
    record.wait_line("hello", 5, mark)


def test_an_image_of_the_native_board_is_not_flashed(here: Place) -> None:
    board, _ = here.board()
    board.load = replace(board.load, build=replace(here.build, chip="linux"))
    with pytest.raises(UsageError, match="is not built for a chip"):
        board.start()
    assert here.chip.written == []


def test_its_address_is_what_it_said_or_what_the_bench_says(here: Place) -> None:
    silent, _ = here.board()
    with pytest.raises(BenchError, match="has not said its address"):
        silent.endpoint(80)
    fixed, _ = here.board(host="192.168.1.77")
    assert str(fixed.endpoint(81)) == "192.168.1.77:81"
