# SPDX-License-Identifier: Apache-2.0
"""`hil boards`: the boards of this bench and whether each is there."""

from __future__ import annotations

import os
import shutil

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from ..boards.artifacts import Artifacts
from ..boards.config import BoardConfig, EmulatorConfig, NativeConfig, SerialConfig
from ..boards.esp_port import port_of
from ..boards.parking import why_parked
from ..errors import UsageError
from .app import app, bench_file, root_or_here, terminal

_EMULATORS = {"qemu": ("qemu-system-xtensa", "qemu-system-riscv32"), "espemu": ("esp-emu",)}


@app.command(epilog="Example: [bold]hil boards[/]; a board's name goes to [bold]hil run --hil-board NAME[/]")
def boards() -> None:
    """List the boards of bench.toml and whether each is there."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("board", "kind", "where", "state"):
        table.add_column(name, overflow="fold")
    for name, config in bench_file().boards.items():
        where, state, well = _state(config)
        table.add_row(Text(name), config.kind, Text(where), Text(state, style="green" if well else "yellow"))
    terminal().print(table)


def _state(config: BoardConfig) -> tuple[str, str, bool]:
    """Where the board is, how it is, and whether that is well."""
    if isinstance(config, NativeConfig):
        return _native()
    if isinstance(config, SerialConfig):
        return _serial(config)
    if isinstance(config, EmulatorConfig):
        names = (config.program,) if config.program else _EMULATORS[config.kind]
        path = next(filter(None, map(shutil.which, names)), None)
        return path or " or ".join(names), "ready" if path else "the program is not installed", path is not None
    return "", "unknown", False


def _native() -> tuple[str, str, bool]:
    where = root_or_here() / "build" / "native"
    try:
        Artifacts.read(where)
    except UsageError:
        return str(where), "not built: run 'make hil'", False
    return str(where), "ready", True


def _serial(config: SerialConfig) -> tuple[str, str, bool]:
    wanted = config.port or config.serial_number or config.mac or ""
    port = port_of(config.port, config.serial_number, config.mac)
    where = wanted if port in (None, wanted) else f"{port} ({wanted})"
    if why := why_parked(config):
        return where, f"parked: {why}", False
    if port is None:
        return where, "not plugged in", False
    if "://" in port:
        return where, "remote: not asked", True
    if not os.path.exists(port):  # noqa: PTH110  a Windows port is no path
        return where, "not plugged in", False
    if not os.access(port, os.R_OK | os.W_OK):
        return where, "no permission: see 'hil doctor'", False
    return where, "ready", True
