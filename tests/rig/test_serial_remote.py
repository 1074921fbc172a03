# SPDX-License-Identifier: Apache-2.0
"""Boards whose port is elsewhere: behind a bare TCP connection, and behind RFC 2217 with its lines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_hil.boards.config import SerialConfig
from pytest_hil.boards.esp_port import EspPort
from pytest_hil.boards.parking import place
from pytest_hil.boards.protocol import Capability
from pytest_hil.console.record import ConsoleRecord, WaitFailed
from pytest_hil.errors import BenchError, NotRun

from .chip_ports import Rfc2217Port, SocketPort
from .rom_chip import RomChip
from .serial_place import APP, HELLO, Place, wait_reconnected


@pytest.fixture
def remote(here: Place) -> Iterator[SocketPort]:
    """The same chip, reached through a TCP connection instead of its pty."""
    port = SocketPort(here.chip)
    yield port
    port.close()


def test_a_board_behind_a_bare_connection_is_flashed_reset_and_read(here: Place, remote: SocketPort) -> None:
    board, record = here.board(port=remote.url, loader=here.switch.command("loader"))
    assert Capability.RESET in board.capabilities
    board.start()
    record.wait_line("hello from the app", 10)
    assert here.switch.told == ["loader", "reset"]
    assert here.chip.flash[APP : APP + 14] == b"app of release"
    long = b"x" * 300_000 + b" and its end\n"
    here.chip.say(long)
    record.wait_line("and its end", 10)
    assert long in record.log_path.read_bytes()


def test_without_a_reset_command_a_bare_connection_cannot_reset(here: Place) -> None:
    board, _ = here.board(port="socket://127.0.0.1:1", reset=None)
    with pytest.raises(NotRun, match="cannot do this: reset"):
        board.reset()


def test_a_connection_that_drops_is_made_again_without_a_reset(here: Place, remote: SocketPort) -> None:
    board, record = here.board(port=remote.url)
    board.start()
    boots, connections = here.chip.boots, remote.connections
    remote.drop()
    wait_reconnected(board, record)
    assert remote.connections == connections + 1
    here.chip.say(b"still the same boot\n")
    record.wait_line("still the same boot", 5)
    board.write(b"to the live port\n")
    record.wait_line("heard to the live port", 5)
    assert here.chip.boots == boots
    assert record.fault is None


def test_a_connection_that_stays_away_is_the_benchs_fault(here: Place, remote: SocketPort) -> None:
    board, record = here.board(port=remote.url, reconnect_s=1)
    board.start()
    remote.close()
    with pytest.raises(WaitFailed, match="the serial port vanished and stayed away for 1 s"):
        record.wait_line("never", 30)
    assert record.fault == "the serial port vanished and stayed away for 1 s"


def test_a_remote_port_that_nobody_serves_is_told_and_nothing_is_parked(here: Place) -> None:
    for scheme in ("socket", "rfc2217"):
        board, _ = here.board(port=f"{scheme}://127.0.0.1:1")
        with pytest.raises(BenchError, match=rf"{scheme}://127.0.0.1:1.*[Rr]efused"):
            board.start()
        assert not place(board.config).exists()


def test_a_remote_port_resets_the_chip_by_its_lines(tmp_path: Path) -> None:
    """The steps of a start over RFC 2217, but for writing: pyserial takes 0.1 s there for each change of a timeout."""
    chip = RomChip()
    chip.app = [HELLO]
    remote = Rfc2217Port(chip)
    chip.power(True)
    record = ConsoleRecord(tmp_path / "console.log")
    config = SerialConfig(name="far", port=remote.url)
    with (tmp_path / "flash.log").open("w") as log:
        port = EspPort(remote.url, config, log)
        assert chip.state == "loader"
        assert port.read_mac() == "24:0a:c4:00:00:01"
        assert port.listen(record, lambda: remote.url) is port.reader
        port.hard_reset()
        record.wait_line("hello", 5)
        assert chip.state == "running"
        connections = remote.connections
        remote.drop()
        deadline = time.monotonic() + 20
        while remote.connections == connections or not port.reader.connected.is_set():
            assert time.monotonic() < deadline, "the connection was not made again"
            record.linger(0.05)
        chip.say(b"still the same boot\n")
        record.wait_line("still the same boot", 10)
        port.close()
    record.end("over")
    remote.close()
