# SPDX-License-Identifier: Apache-2.0
"""`hil boards`: the boards of this bench and whether each is there; one board before and after a job of CI."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from ..boards.artifacts import Artifacts
from ..boards.bench import BenchFile
from ..boards.commands import run_command
from ..boards.config import BoardConfig, EmulatorConfig, LabgridConfig, NativeConfig, SerialConfig
from ..boards.find_port import port_of
from ..boards.parking import why_parked
from ..errors import BenchError, UsageError
from .app import app, bench_file, root_or_here, terminal


@app.command(
    epilog="Examples: [bold]hil boards[/], [bold]hil boards --check cam-1[/]; "
    "a board's name goes to [bold]hil run --hil-board NAME[/]"
)
def boards(
    file: Annotated[
        Path | None,
        typer.Option("--hil-bench", metavar="FILE", help="Where they are described.", show_default="bench.toml"),
    ] = None,
    check: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this board: exit code 3 when it cannot be used.")
    ] = None,
    off: Annotated[
        str | None, typer.Option(metavar="NAME", help="Switch this board off, where its power_off says how.")
    ] = None,
) -> None:
    """List the boards of bench.toml and whether each is there.

    Exit code: 0, or with --check and --off 3 when the board cannot be used or switched off.
    """
    if file is not None and not file.is_file():
        raise UsageError(f"--hil-bench: there is no file {file}")
    bench = BenchFile.read(file) if file is not None else bench_file()
    if off is not None:
        _switch_off(bench.board(off))
    if check is not None:
        where, state, well = _state(bench.board(check))
        if not well:
            raise BenchError(f"board {check!r} at {where}: {state}")
        typer.echo(f"board {check!r}: {state}")
        return
    if off is not None:
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("board", "kind", "where", "state"):
        table.add_column(name, overflow="fold")
    for name, config in bench.boards.items():
        where, state, well = _state(config)
        table.add_row(Text(name), config.kind, Text(where), Text(state, style="green" if well else "yellow"))
    terminal().print(table)


def _switch_off(config: BoardConfig) -> None:
    """Raises BenchError. A board without a power switch is left as it is: the next start resets it."""
    command = config.power_off if isinstance(config, SerialConfig) else ()
    if not command:
        typer.echo(f"board {config.name!r}: nothing to switch off")
        return
    run_command(config, command)
    typer.echo(f"board {config.name!r}: switched off")


def _state(config: BoardConfig) -> tuple[str, str, bool]:
    """Where the board is, how it is, and whether that is well."""
    if isinstance(config, NativeConfig):
        return _native()
    if isinstance(config, LabgridConfig):
        return config.place, "at labgrid: not asked", True
    if isinstance(config, SerialConfig):
        return _serial(config)
    if isinstance(config, EmulatorConfig):
        path = config.find_program()
        names = " or ".join(config.programs(None))
        return path or names, "ready" if path else "the program is not installed", path is not None
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
