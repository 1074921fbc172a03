# SPDX-License-Identifier: Apache-2.0
"""What all commands share: the application they register with, exit codes, where they print, which project is meant.

Output is plain, without an escape sequence in it, when it goes to no terminal or NO_COLOR is set.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer import rich_utils
from typer.core import TyperGroup

from .. import __version__
from ..boards.bench import FILE_NAME, BenchFile
from ..errors import UsageError

PLAIN_WIDTH = 170  # columns, where there is no terminal to ask

ORDER = (
    *("run", "report", "history", "gate", "verify", "soak"),
    *("scan", "doctor", "boards", "console", "trigger", "provision", "keys"),
)


class InOrder(TyperGroup):
    """Lists the commands as a newcomer meets them."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=ORDER.index)


app = typer.Typer(
    name="hil", cls=InOrder, no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_enable=False
)


def plain() -> bool:
    """Whether colours are unwanted."""
    return bool(os.environ.get("NO_COLOR")) or not sys.stdout.isatty()


def terminal() -> Console:
    """Where commands print."""
    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    return Console(width=width, color_system=None if plain() else "auto", highlight=False, emoji=False)


def project_root() -> Path:
    """The folder with the scenarios: this one or one above. Raises UsageError."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "tests" / "hil").is_dir() and (folder / "pytest.ini").is_file():
            return folder
    raise UsageError(f"{here} lies in no project: no folder above it has pytest.ini and tests/hil")


def root_or_here() -> Path:
    """For commands that need no project."""
    try:
        return project_root()
    except UsageError:
        return Path.cwd()


def bench_file() -> BenchFile:
    """This project's bench.toml. Raises UsageError."""
    return BenchFile.read(root_or_here() / FILE_NAME)


def board_names(incomplete: str) -> list[str]:
    """For the shell's completion, which must never complain."""
    try:
        return [name for name in bench_file().boards if name.startswith(incomplete)]
    except (UsageError, OSError):
        return []


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hil {__version__}")
        raise typer.Exit


@app.callback()
def root(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False) -> None:
    """Firmware on boards, tested: stop a streaming server, update, prove that it did."""


if os.environ.get("NO_COLOR"):
    rich_utils.COLOR_SYSTEM = None  # else its help keeps what is no colour: bold, dim
