# SPDX-License-Identifier: Apache-2.0
"""A bench with one chip on it: a stand-in at a pty, its power switch, and what boards there are told by bench.toml."""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_hil.boards.bench import BenchFile
from pytest_hil.boards.flash_layout import BuildDir
from pytest_hil.boards.protocol import Load
from pytest_hil.boards.serial import SerialBoard
from pytest_hil.console.record import ConsoleRecord

from .chip_ports import PtyPort, Switch
from .rom_chip import RomChip

PROVISIONING, APP, NVS = 0x10000, 0x20000, 0x9000
RELEASE_DIGEST = hashlib.sha256(b"app of release").hexdigest()
HELLO = b"hello from the app\r\n"


class Place:
    """A chip on its bench, and boards on it."""

    def __init__(self, folder: Path, build: BuildDir, chip: RomChip, port: PtyPort, switch: Switch) -> None:
        self.folder = folder
        self.build = build
        self.chip = chip
        self.port = port
        self.switch = switch
        self._n = 0
        self.boards: list[SerialBoard] = []

    def bench(self, folder: Path, **settings: Any) -> Path:
        """bench.toml with the board `cam` in it; a setting that is None is left out."""
        row: dict[str, Any] = {
            "kind": "serial",
            "port": str(self.port.path),
            "reset": self.switch.command("reset"),
            **settings,
        }
        lines = [f"{key} = {_toml(value)}" for key, value in row.items() if value is not None]
        bench = folder / "bench.toml"
        bench.write_text("[boards.cam]\n" + "\n".join(lines) + "\n")
        return bench

    def board(self, partitions: dict[str, bytes] | None = None, **settings: Any) -> tuple[SerialBoard, ConsoleRecord]:
        bench = self.bench(self.folder, **{"speak_s": 1, **settings})
        self._n += 1
        logs = self.folder / f"test-{self._n}"
        logs.mkdir()
        record = ConsoleRecord(logs / "console.log")
        load = Load(self.build, partitions or {"provisioning": b"told"}, logs, Path("unused"))
        board = SerialBoard(BenchFile.read(bench).board("cam"), load, record)  # type: ignore[arg-type]
        self.boards.append(board)
        return board, record


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + "}"
    return json.dumps(value)


def chip_build(artifacts: Path) -> BuildDir:
    args = artifacts / "release" / "flasher_args.json"
    args.write_text(json.dumps(json.loads(args.read_text()) | {"extra_esptool_args": {"chip": "esp32"}}))
    return BuildDir.read(args.parent)


@contextlib.contextmanager
def place_in(folder: Path, artifacts: Path) -> Iterator[Place]:
    chip = RomChip()
    chip.app = [HELLO]
    port = PtyPort(chip, folder / "port")
    port.plug()
    chip.power(True)
    with tempfile.TemporaryDirectory() as short, Switch(chip, port, Path(short) / "switch") as switch:
        place = Place(folder, chip_build(artifacts), chip, port, switch)
        yield place
        for board in place.boards:
            board.stop()
    port.unplug()


def wait_reconnected(board: SerialBoard, record: ConsoleRecord) -> None:
    deadline = time.monotonic() + 5
    while not board.reconnects:
        assert time.monotonic() < deadline, "the port was not opened again"
        record.linger(0.02)


def wait_bytes(record: ConsoleRecord, end: bytes) -> None:
    """Until these are the last bytes of the log: no wait sees an unfinished line."""
    deadline = time.monotonic() + 5
    while not record.log_path.read_bytes().endswith(end):
        assert time.monotonic() < deadline, f"{end!r} did not come"
        record.linger(0.02)
