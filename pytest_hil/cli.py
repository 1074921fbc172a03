# SPDX-License-Identifier: Apache-2.0
"""The command `hil`. Errors are one line on stderr and an exit code: 1 firmware, 2 usage, 3 bench."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from . import __version__
from .errors import BenchError, UsageError
from .preflight import preflight
from .results.run_dir import RunDir
from .results.summary import print_summary
from .run_tests import exit_code, run_pytest, with_defaults

PLAIN_WIDTH = 170  # columns, where there is no terminal to ask
PASS, FIRMWARE_FAILED, USAGE, BENCH_FAILED = 0, 1, 2, 3

app = typer.Typer(name="hil", no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_enable=False)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hil {__version__}")
        raise typer.Exit


@app.callback()
def root(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False) -> None:
    """Firmware on boards, tested: stop a streaming server, update, prove that it did."""


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    epilog="Examples: [bold]hil run[/], [bold]hil run -n 2[/], [bold]hil run -k kill_task[/], [bold]hil run -m slow[/]",
)
def run(
    context: typer.Context,
    artifacts: Annotated[
        Path | None, typer.Option(help="Folder with prebuilt images; nothing is built.", show_default="build/native")
    ] = None,
    workers: Annotated[int, typer.Option("-n", "--workers", min=1, help="Boards at the same time.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the boards' random numbers.")] = 1,
) -> None:
    """Run the scenarios. Whatever else is given goes to pytest.

    Exit code: 0 pass, 1 the firmware failed, 2 usage, 3 the bench failed or the run was interrupted.
    """
    root_path = _project_root()
    where = (artifacts or root_path / "build" / "native").absolute()
    preflight(where)
    run_dir = RunDir.new(root_path)
    arguments = with_defaults(context.args, root_path)
    arguments += [f"--rootdir={root_path}", f"--hil-artifacts={where}", f"--hil-run-dir={run_dir.path}"]
    arguments += [f"--hil-seed={seed}", f"--junitxml={run_dir.path / 'junit.xml'}"]
    if workers > 1:
        arguments += ["-n", str(workers), "--dist", "worksteal"]
    status, complaint = run_pytest(arguments)
    results = run_dir.read_results() if run_dir.results.is_file() else None
    if results is not None:
        print_summary(results, run_dir.path, Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH))
    if complaint:
        _say(complaint)
    raise typer.Exit(exit_code(status, results))


def _project_root() -> Path:
    """The folder with the scenarios: this one or one above."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "tests" / "hil").is_dir() and (folder / "pytest.ini").is_file():
            return folder
    raise UsageError(f"{here} lies in no project: no folder above it has pytest.ini and tests/hil")


def _say(message: str) -> None:
    typer.echo(f"hil: {message}", err=True)


def main() -> None:
    """Entry point."""
    try:
        app()
    except UsageError as error:
        _say(str(error))
        sys.exit(USAGE)
    except BenchError as error:
        _say(str(error))
        sys.exit(BENCH_FAILED)
    except Exception as error:
        # A fault of the rig must never look like one of the firmware.
        traceback.print_exc()
        _say(f"internal error: {error!r}")
        sys.exit(BENCH_FAILED)
