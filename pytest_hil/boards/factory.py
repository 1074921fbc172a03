# SPDX-License-Identifier: Apache-2.0
"""A board from what bench.toml says of it: the one place that knows every kind."""

from __future__ import annotations

import hashlib

from .config import BoardConfig, EmulatorConfig, NativeConfig, SerialConfig
from .emulator import EmulatorBoard
from .native import NativeBoard, NativeSettings
from .protocol import Board, ConsoleSink, Load


def make_board(config: BoardConfig, load: Load, console: ConsoleSink) -> Board:
    """A board that is not started yet."""
    if isinstance(config, NativeConfig):
        return native_board(config, load, console)
    if isinstance(config, EmulatorConfig):
        return EmulatorBoard(config, load, console)
    if isinstance(config, SerialConfig):
        from .serial import SerialBoard  # noqa: PLC0415  esptool takes its time to import

        return SerialBoard(config, load, console)
    raise AssertionError(f"no board is made of the kind {config.kind!r}")


def mac_of(name: str) -> str:
    """A locally administered address that is this board's alone: its name is, in its bench."""
    return ":".join(f"{byte:02x}" for byte in (0x02, *hashlib.sha256(name.encode()).digest()[:5]))


def native_board(config: NativeConfig, load: Load, console: ConsoleSink) -> NativeBoard:
    """Its flash is a file, written here."""
    flash = load.folder / "flash.bin"
    flash.touch(mode=0o600)  # it holds passwords and keys
    flash.write_bytes(load.build.flash_image(load.partitions))
    settings = NativeSettings(
        load.native_board,
        flash,
        load.folder / "native-board.log",
        heap_kb=config.heap_kb,
        mac=config.mac or mac_of(config.name),
        seed=load.seed,
        tell=config.tell,
    )
    return NativeBoard(settings, console)
