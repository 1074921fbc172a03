# SPDX-License-Identifier: Apache-2.0
"""A labgrid of the tests' own on free loopback ports: a real coordinator, a real exporter, two boards and a chip."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from pytest_hil.boards.artifacts import Artifacts
from pytest_hil.boards.labgrid import Coordinator
from pytest_hil.errors import BenchError
from pytest_hil.services.broker import Broker

from ..rig.chip_ports import Rfc2217Port
from ..rig.conftest import pytest_configure  # noqa: F401  Ctrl-C is tested here, too
from ..rig.rom_chip import RomChip
from .far_board import FarBoard, free_port

UP_WITHIN_S = 90.0  # labgrid's programs take seconds to start on a busy machine
CHIP = "chip-1"
NEEDED = ("labgrid-client", "labgrid-coordinator", "labgrid-exporter")


@dataclass(frozen=True)
class Lab:
    """The lab, its boards, and a project whose bench.toml knows of it."""

    address: str
    coordinator: Coordinator
    boards: Sequence[FarBoard]
    chip: RomChip  # at the place CHIP, where it can be flashed
    project: Path


@contextlib.contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config) -> Iterator[Lab]:
    venv = pytestconfig.rootpath / "build" / "labgrid" / "venv" / "bin"
    monkeypatch.setenv("PATH", f"{venv}{os.pathsep}{os.environ['PATH']}")
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed: run 'make labgrid-test'")
    artifacts = Artifacts.read(pytestconfig.rootpath / "build" / "native")
    address = f"127.0.0.1:{free_port()}"
    coordinator = Coordinator(address)
    monkeypatch.setenv("LG_COORDINATOR", address)  # for the tests' own calls
    with contextlib.ExitStack() as open_:
        broker = open_.enter_context(Broker(tmp_path / "broker"))  # the boards' own, for they are not provisioned anew
        boards = [
            open_.enter_context(FarBoard(f"far-{i}", artifacts, tmp_path / f"far-{i}", broker.port)) for i in (1, 2)
        ]
        chip = RomChip()
        line = open_.enter_context(contextlib.closing(Rfc2217Port(chip)))
        chip.power(True)
        (tmp_path / "coordinator").mkdir()
        open_.enter_context(_in(tmp_path / "coordinator"))  # it keeps its state where it is started
        open_.enter_context(running(["labgrid-coordinator", "-l", address], tmp_path / "coordinator.log"))
        _answers(lambda: coordinator.call("places", timeout_s=UP_WITHIN_S))
        exported = {board.name: _console(board.console_port, "raw") for board in boards}
        exported[CHIP] = _console(line.port, "rfc2217")
        (tmp_path / "exports.yaml").write_text(yaml.safe_dump(exported))
        exporter = [
            "labgrid-exporter",
            "-c",
            address,
            "-n",
            "lab",
            "--hostname",
            "127.0.0.1",
            str(tmp_path / "exports.yaml"),
        ]
        open_.enter_context(running(exporter, tmp_path / "exporter.log"))
        for place in exported:
            coordinator.call("-p", place, "create")
            coordinator.call("-p", place, "add-match", f"lab/{place}/*")
        _answers(lambda: _exported(coordinator, len(exported)))
        project = tmp_path / "project"
        (project / "tests" / "hil").mkdir(parents=True)
        (project / "pytest.ini").write_text("[pytest]\njunit_family = xunit1\n")
        chips = f'[boards.{CHIP}]\nkind = "labgrid"\nplace = "{CHIP}"\ncoordinator = "{address}"\n'
        (project / "bench.toml").write_text("".join(_entry(board, address) for board in boards) + chips)
        yield Lab(address, coordinator, boards, chip, project)


def _console(port: int, protocol: str) -> dict[str, dict[str, str | int]]:
    """A resource, as an exporter's file has it."""
    return {"NetworkSerialPort": {"host": "127.0.0.1", "port": port, "protocol": protocol}}


@contextlib.contextmanager
def _in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _answers(ask: Callable[[], object]) -> None:
    """Nothing tells when labgrid is up but asking it."""
    deadline = time.monotonic() + UP_WITHIN_S
    while True:
        try:
            ask()
        except BenchError:
            if time.monotonic() > deadline:
                raise
        else:
            return


def _exported(coordinator: Coordinator, count: int) -> None:
    if coordinator.call("resources").count("NetworkSerialPort") < count:
        raise BenchError("the exporter is not there yet")


def _entry(board: FarBoard, address: str) -> str:
    ports = ", ".join(f'"{there}" = {here}' for there, here in board.ports.items())
    command = json.dumps(board.reset)  # an array of texts is the same in TOML
    return (
        f'[boards.{board.name}]\nkind = "labgrid"\nplace = "{board.name}"\ncoordinator = "{address}"\nflash = false\n'
        f'bind = "127.0.0.1"\nhost = "127.0.0.1"\nports = {{ {ports} }}\nreset = {command}\nwait_s = 60\n'
    )


def assert_all_is_free(lab: Lab) -> None:
    for place in (*(board.name for board in lab.boards), CHIP):
        assert lab.coordinator.place(place).acquired is None
    assert "token" not in lab.coordinator.call("reservations")
