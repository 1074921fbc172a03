# SPDX-License-Identifier: Apache-2.0
"""`hil scan`: the verdict of a test on logs that were saved elsewhere."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from ..console.decoding import can_decode, decoded
from ..console.panic import Panic
from ..console.scan import ScannedLog
from ..console.scan import scan as scan_log
from ..errors import UsageError
from . import FIRMWARE_FAILED, PASS
from .app import app, terminal

STDIN = "-"


@app.command(
    epilog="Examples: [bold]hil scan console.log[/], [bold]hil scan --json logs/*.log[/], "
    "[bold]hil scan --elf build/app.elf console.log[/], [bold]cat console.log | hil scan -[/]"
)
def scan(
    logs: Annotated[list[str], typer.Argument(metavar="LOG...", help="Saved logs; - is standard input.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the panics and resets as JSON.")] = False,
    elf: Annotated[Path | None, typer.Option(help="Decode backtraces with this ELF.")] = None,
) -> None:
    """Find panics in saved logs.

    Exit code: 0 no panic, 1 a panic was found, 2 a file cannot be read.
    """
    if elf is not None and not elf.is_file():
        raise UsageError(f"there is no file {elf}")
    if elf is not None and not can_decode(elf):
        raise UsageError(
            f"{elf} cannot be decoded: it is no ELF, or the addr2line of its chip (for RISC-V, its gdb) is not in PATH"
        )
    scanned = [_read(log) for log in logs]
    if as_json:
        typer.echo(json.dumps([one.as_json() for one in scanned], indent=1))
    else:
        out = terminal()
        for one in scanned:
            _tell(out, one, elf)
    raise typer.Exit(FIRMWARE_FAILED if any(one.panics for one in scanned) else PASS)


def _read(log: str) -> ScannedLog:
    if log == STDIN:
        return scan_log(log, sys.stdin.buffer)
    try:
        with Path(log).open("rb") as file:
            return scan_log(log, file)
    except OSError as error:
        raise UsageError(f"{log} cannot be read: {error.strerror}") from None


def _tell(out: Console, scanned: ScannedLog, elf: Path | None) -> None:
    resets = f", {len(scanned.resets)} resets" if scanned.resets else ""
    if not scanned.panics:
        out.print(f"{escape(scanned.log)}: [green]no panic[/]{resets}", soft_wrap=True)
        return
    count = len(scanned.panics)
    out.print(
        f"{escape(scanned.log)}: [bold red]{count} {'panic' if count == 1 else 'panics'}[/]{resets}", soft_wrap=True
    )
    for panic in scanned.panics:
        out.print(f"{escape(scanned.log)}:{panic.at_line + 1}: [red]{escape(summary(panic))}[/]", soft_wrap=True)
        for frame in decoded(panic, elf).frames if elf else ():
            out.print(f"    {escape(str(frame))}", soft_wrap=True)


def summary(panic: Panic) -> str:
    """Everything known of it in one line."""
    known = {
        "in": panic.function,
        "at": f"{panic.file}:{panic.line}" if panic.file and panic.line is not None else panic.file,
        "task": panic.task,
        "core": panic.core,
        "reset": panic.reset_reason,
    }
    told = "".join(f", {name} {value}" for name, value in known.items() if value is not None)
    what = panic.expression or panic.cause
    return f"{panic.kind}{told}" + (f": {what}" if what else "")
