# SPDX-License-Identifier: Apache-2.0
"""Emulated boards by pytest-embedded's services, on a stand-in program: how they start, are reached, reset and end.

Whether an emulator emulates is not asked here: tests/rig/test_board_contract.py does, where one is installed.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pytest_hil.boards.config import EmulatorConfig, EspEmuConfig, QemuConfig
from pytest_hil.boards.emulator import EmulatorBoard
from pytest_hil.boards.flash_layout import BuildDir
from pytest_hil.boards.protocol import Load
from pytest_hil.console.record import ConsoleRecord, WaitFailed
from pytest_hil.errors import BenchError, NotRun

from .conftest import gone, make_program

FAKE = Path(__file__).parent / "fake_emulator.py"
Made = tuple[EmulatorBoard, ConsoleRecord]
Make = Callable[..., Made]
KINDS = (QemuConfig, EspEmuConfig)


@pytest.fixture
def make(tmp_path: Path, fake_artifacts: Path) -> Iterator[Make]:
    program = tmp_path / "emulator"
    make_program(program, FAKE)
    args = fake_artifacts / "release" / "flasher_args.json"
    made: list[Made] = []

    def one(
        kind: type[EmulatorConfig], chip: str = "esp32c3", program: str | None = str(program), **settings: Any
    ) -> Made:
        args.write_text(json.dumps(json.loads(args.read_text()) | {"extra_esptool_args": {"chip": chip}}))
        record = ConsoleRecord(tmp_path / f"console-{len(made)}.log")
        load = Load(BuildDir.read(args.parent), {"provisioning": b"told"}, tmp_path, Path("unused"))
        config = kind(name="it", home=tmp_path, program=program, **settings)
        made.append((EmulatorBoard(config, load, record), record))
        return made[-1]

    yield one
    for board, _ in made:
        board.stop()


@pytest.mark.parametrize("kind", KINDS)
def test_it_runs_what_was_flashed_and_is_reached_on_free_ports(make: Make, kind: type[EmulatorConfig]) -> None:
    board, record = make(kind)
    board.start()
    record.wait_line(r"hello from emulator: start 0, 4194304 bytes", 10)
    for board_port in (80, 81):
        endpoint = board.endpoint(board_port)
        with socket.create_connection((endpoint.host, endpoint.port), 5) as connection:
            assert connection.recv(64) == f"board port {board_port}".encode()
    board.write(b"ping\n")
    record.wait_line("heard ping", 5)


@pytest.mark.parametrize("kind", KINDS)
def test_it_ends_with_its_board_and_leaves_no_process(make: Make, kind: type[EmulatorConfig]) -> None:
    board, record = make(kind)
    board.start()
    emulator = psutil.Process(board._process.pid)
    board.stop()
    assert record.ended == "the board was switched off"
    assert gone([emulator], 5)


def test_the_death_of_the_emulator_ends_a_wait(make: Make) -> None:
    board, record = make(QemuConfig)
    board.start()
    board._process.kill()
    with pytest.raises(WaitFailed, match="qemu ended with exit code -9"):
        record.wait_line("never", 30)


def test_qemu_is_reset_through_qmp(make: Make) -> None:
    board, record = make(QemuConfig)
    board.start()
    mark = record.mark()
    board.reset()
    record.wait_line("hello from emulator: reset", 5, mark)


def test_qemus_flash_survives_its_power(make: Make) -> None:
    board, record = make(QemuConfig)
    board.start()
    board.power(False)
    assert record.ended is None
    board.power(True)
    record.wait_line("start 1, ", 5)


@pytest.mark.parametrize(
    "ask",
    [lambda b: b.reset(), lambda b: b.power(False), lambda b: b.link(False), lambda b: b.loss(1), lambda b: b.delay(5)],
)
def test_what_esp_emu_cannot_do_is_not_run(make: Make, ask: Callable[[EmulatorBoard], None]) -> None:
    board, _ = make(EspEmuConfig)
    with pytest.raises(NotRun):
        ask(board)


@pytest.mark.parametrize(
    ("kind", "chip", "name"),
    [
        (QemuConfig, "esp32", "qemu-system-xtensa"),
        (QemuConfig, "esp32c3", "qemu-system-riscv32"),
        (EspEmuConfig, "esp32c3", "esp-emu"),
    ],
)
def test_without_its_program_it_is_not_run(
    make: Make, monkeypatch: pytest.MonkeyPatch, kind: type[EmulatorConfig], chip: str, name: str
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    board, _ = make(kind, chip, None)
    with pytest.raises(NotRun, match=f"{name} is not installed, so there is no board of the kind"):
        board.start()


def test_everything_on_qemus_command_line_can_be_said_in_bench_toml(make: Make, tmp_path: Path) -> None:
    """The program by its path from bench.toml, a machine of a fork, another network, and more."""
    made = {"machine": "esp32c3-fork", "nic": "user,model=other,net=10.1.0.0/24", "args": ("-L", "pc-bios", "tell")}
    board, record = make(QemuConfig, program="./emulator", **made)
    board.start()
    record.wait_line(re.escape(f" in {tmp_path}"), 10)
    told = "".join(line.text for line in record.lines)
    ports = [board.endpoint(port).port for port in (80, 81)]
    forwards = ",".join(f"hostfwd=tcp:127.0.0.1:{ours}-:{port}" for ours, port in zip(ports, (80, 81), strict=True))
    for said in (
        "'-nographic', '-machine', 'esp32c3-fork'",
        f"'-nic', 'user,model=other,net=10.1.0.0/24,{forwards}', '-L', 'pc-bios', 'tell'",
        f"'-drive', 'file={tmp_path / 'flash.bin'},if=mtd,format=raw'",
    ):
        assert said in told


@pytest.mark.parametrize(("chip", "cured"), [("esp32c3", True), ("esp32", False)])
def test_what_qemus_c3_does_wrong_is_cured_on_its_command_line(make: Make, chip: str, cured: bool) -> None:
    board, record = make(QemuConfig, chip, args=("-icount", "shift=7", "tell"))
    board.start()
    record.wait_line(r" in /", 10)
    told = "".join(line.text for line in record.lines)
    assert ("'-icount', 'shift=2'" in told) == ("property=wdt_disable,value=true" in told) == cured
    assert told.rindex("shift=7") > told.find("shift=2"), "bench.toml has no last word"
    begins, size = [int(at, 16) for at in re.findall(r"loader,file=[^,]+blank.bin,addr=(0x\w+)", told)], 256 << 10
    assert begins == (list(range(0x42000000, 0x42400000, size)) if cured else [])
    assert (len(psutil.Process(board._process.pid).cpu_affinity()) == 1) == (cured or psutil.cpu_count() == 1)
    for blank in {Path(file) for file in re.findall(r"loader,file=([^,]+)", told)}:
        assert blank.read_bytes() == bytes(size)
        board.stop()
        assert not blank.exists()


def test_qemus_own_words_are_no_words_of_the_board(make: Make, tmp_path: Path) -> None:
    board, record = make(QemuConfig)
    board.start()
    record.wait_line("hello from emulator", 10)
    board.stop()
    assert b"SPI flash" not in record.log_path.read_bytes()
    assert "Adding SPI flash device" in (tmp_path / "qemu.log").read_text()


def test_a_port_that_was_taken_meanwhile_is_replaced(make: Make) -> None:
    board, record = make(QemuConfig, args=("taken-once",))
    board.start()
    record.wait_line("hello from emulator", 10)
    assert record.ended is None


def test_an_emulator_that_refuses_is_the_benchs_fault(make: Make) -> None:
    board, _ = make(EspEmuConfig, "esp32h2")
    with pytest.raises(BenchError, match="emulator ended with exit code 3: cannot emulate this"):
        board.start()
