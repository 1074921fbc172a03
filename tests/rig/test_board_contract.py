# SPDX-License-Identifier: Apache-2.0
"""What every kind of board must do, asked of each the same way.

The native board is the built one, the serial board a stand-in on a pty. An emulator is asked where one is installed and
--hil-artifacts has images for its chip; else it is not run, which --hil-require-kind KIND turns into a failure.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from pytest_hil.boards.artifacts import Artifacts
from pytest_hil.boards.config import KINDS, BoardConfig, LabgridConfig, SerialConfig
from pytest_hil.boards.factory import make_board
from pytest_hil.boards.protocol import BOARD_PORTS, Board, Capability, Load
from pytest_hil.boards.provisioning import PARTITION, nvs_image
from pytest_hil.console.record import ConsoleRecord
from pytest_hil.errors import BenchError, NotRun, UsageError
from pytest_hil.plugin import artifacts_path

from .chip_ports import PtyPort, Switch
from .conftest import gone, make_artifacts
from .rom_chip import RomChip

SPEAK_S = 30.0
BOOTED = r"rst:0x"  # the first words of every ESP32, and of the native board


@dataclass
class Subject:
    """A board that is not started yet, and its console."""

    board: Board
    record: ConsoleRecord

    def start(self) -> int:
        """Returns the mark after its first words."""
        self.board.start()
        self.record.wait_line(BOOTED, SPEAK_S)
        return self.record.mark()


@pytest.fixture(params=list(KINDS))
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    kind: str = request.param
    with contextlib.ExitStack() as open_until_the_end:
        record = new_record(tmp_path / "console.log", open_until_the_end)
        try:
            config, artifacts = place_of(kind, request.config, tmp_path, open_until_the_end)
            image = artifacts.image("release")
            values: dict[str, str | int] = {"device_id": "contract", "broker_uri": f"mqtt://{config.tell}:1"}
            partition = nvs_image(values, image.build.partition(PARTITION).size)
            load = Load(image.build, {PARTITION: partition}, tmp_path, artifacts.native_board)
            board = make_board(config, load, record)
            if kind in ("qemu", "espemu"):
                board.start()  # finds out whether there is one
                board.stop()
                record = new_record(tmp_path / "console-2.log", open_until_the_end)
                board = make_board(config, load, record)
        except (NotRun, UsageError) as error:
            if kind in request.config.getoption("--hil-require-kind"):
                pytest.fail(f"{kind} is required: {error}", pytrace=False)
            pytest.skip(f"not run: {error}")
        open_until_the_end.callback(board.stop)
        yield Subject(board, record)


def new_record(path: Path, until: contextlib.ExitStack) -> ConsoleRecord:
    record = ConsoleRecord(path)
    until.callback(record.end, "the test is over")
    return record


def place_of(
    kind: str, config: pytest.Config, folder: Path, until: contextlib.ExitStack
) -> tuple[BoardConfig, Artifacts]:
    if kind not in ("serial", "labgrid"):
        return KINDS[kind](name=kind), Artifacts.read(artifacts_path(config))
    artifacts = make_artifacts(folder / "artifacts")
    args = artifacts / "release" / "flasher_args.json"
    args.write_text(json.dumps(json.loads(args.read_text()) | {"extra_esptool_args": {"chip": "esp32"}}))
    chip = RomChip()
    port = PtyPort(chip, folder / "port")
    port.plug()
    until.callback(port.unplug)
    short = until.enter_context(tempfile.TemporaryDirectory())  # a Unix socket's path is short
    switch = until.enter_context(Switch(chip, port, Path(short) / "switch"))
    chip.power(True)
    off, on, reset = (tuple(switch.command(what)) for what in ("off", "on", "reset"))
    board = SerialConfig(
        name="cam", home=folder, port=str(port.path), host="127.0.0.1", power_off=off, power_on=on, reset=reset
    )
    if kind == "labgrid":  # as it is once its place is acquired
        board = LabgridConfig(**vars(board), place="cam")
    return board, Artifacts.read(artifacts)


def test_it_says_what_it_is(subject: Subject) -> None:
    board = subject.board
    assert board.kind in KINDS
    assert Capability.FLASH in board.capabilities
    assert board.runner_host


def test_it_cannot_be_written_to_before_it_is_started(subject: Subject) -> None:
    with pytest.raises(BenchError):
        subject.board.write(b"x")


def test_it_starts_and_speaks_and_its_ports_are_told_apart(subject: Subject) -> None:
    subject.start()
    endpoints = {str(subject.board.endpoint(port)) for port in BOARD_PORTS}
    assert len(endpoints) == len(BOARD_PORTS)


def test_its_end_is_told_once_and_leaves_nothing_behind(subject: Subject) -> None:
    processes = set(psutil.Process().children(recursive=True))
    threads = set(threading.enumerate())
    subject.start()
    started = list(set(psutil.Process().children(recursive=True)) - processes)
    subject.board.stop()
    reason = subject.record.ended
    assert reason is not None
    subject.board.stop()
    assert subject.record.ended == reason
    assert gone(started, 5)
    assert [one for one in set(threading.enumerate()) - threads if "serial" in one.name] == []


def test_bytes_to_it_are_taken(subject: Subject) -> None:
    subject.start()
    subject.board.write(b"hello\n")


def test_its_reset_button(subject: Subject) -> None:
    mark = subject.start()
    if Capability.RESET not in subject.board.capabilities:
        with pytest.raises(NotRun):
            subject.board.reset()
        return
    subject.board.reset()
    subject.record.wait_line(BOOTED, SPEAK_S, mark)


def test_its_power(subject: Subject) -> None:
    subject.start()
    if Capability.CUT_POWER not in subject.board.capabilities:
        with pytest.raises(NotRun):
            subject.board.power(False)
        return
    subject.board.power(False)
    subject.record.linger(0.2)  # what was on its way
    silent_from = subject.record.bytes_received
    subject.record.linger(0.5)
    assert subject.record.bytes_received == silent_from, "a board without power has spoken"
    assert subject.record.ended is None, "a board that is off on purpose has not ended"
    mark = subject.record.mark()
    subject.board.power(True)
    if subject.board.kind == "serial":
        subject.board.reset()  # its first words came before its port did
    subject.record.wait_line(BOOTED, SPEAK_S, mark)


@pytest.mark.parametrize(
    ("capability", "do", "undo"),
    [
        (Capability.LINK_DOWN, lambda b: b.link(False), lambda b: b.link(True)),
        (
            Capability.CHANGE_ADDRESS,
            lambda b: b.change_address("10.0.2.77"),
            lambda b: b.change_address("10.0.2.15"),
        ),
        (Capability.DROP_PACKETS, lambda b: b.loss(50), lambda b: b.loss(0)),
        (Capability.DROP_PACKETS, lambda b: b.delay(5), lambda b: b.delay(0)),
    ],
    ids=["link down", "change address", "drop packets", "delay packets"],
)
def test_its_network_is_disturbed_or_that_is_not_run(
    subject: Subject, capability: Capability, do: Callable[[Board], None], undo: Callable[[Board], None]
) -> None:
    subject.start()
    if capability in subject.board.capabilities:
        do(subject.board)
        undo(subject.board)
        return
    with pytest.raises(NotRun):
        do(subject.board)


@pytest.mark.parametrize(("require", "outcome"), [([], "skipped"), (["--hil-require-kind=espemu"], "errors")])
def test_a_kind_that_is_not_here_is_not_run_and_fails_where_it_is_required(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, fake_artifacts: Path, require: list[str], outcome: str
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/usr/sbin")
    pytester.makefile(".toml", bench='[boards.it]\nkind = "espemu"\nprogram = "no-such-emulator"\n')
    pytester.makeini("[pytest]\n")
    pytester.makepyfile("import pytest\n@pytest.mark.hil(kind='promise')\ndef test_it(board):\n    pass\n")
    arguments = ["--hil-board=it", f"--hil-artifacts={fake_artifacts}", f"--hil-run-dir={pytester.path / 'run'}"]
    pytester.runpytest_subprocess(*arguments, *require).assert_outcomes(**{outcome: 1})
    (test,) = json.loads((pytester.path / "run" / "results.json").read_text())["tests"]
    assert test["outcome"] == ("bench_error" if require else "not_run")
    assert "no-such-emulator is not installed" in test["failure"]
