# SPDX-License-Identifier: Apache-2.0
"""`hil run`: the scenarios on a board."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import BenchError, UsageError
from ..preflight import boards_in, preflight
from ..results.run_dir import RunDir
from ..results.summary import print_summary
from ..run_tests import exit_code, run_pytest, with_defaults
from ..spreading import XDIST_OPTIONS
from . import say
from .app import app, plain, project_root, terminal
from .run_progress import RunProgress


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    epilog="Examples: [bold]hil run[/], [bold]hil run -n 2[/], [bold]hil run -k kill_task[/], "
    "[bold]hil run -m slow[/], [bold]hil run --hil-board NAME[/]",
)
def run(
    context: typer.Context,
    artifacts: Annotated[
        Path | None, typer.Option(help="Folder with prebuilt images; nothing is built.", show_default="build/native")
    ] = None,
    workers: Annotated[int, typer.Option("-n", "--workers", min=1, help="Boards at the same time.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the boards' random numbers.")] = 1,
    folder: Annotated[
        Path | None,
        typer.Option("--hil-run-dir", metavar="DIR", help="Where results go.", show_default="build/hil/<time>"),
    ] = None,
) -> None:
    """Run the scenarios. Whatever else is given goes to pytest.

    Exit code: 0 pass, 1 the firmware failed, 2 usage, 3 the bench failed or the run was interrupted.
    """
    root_path = project_root()
    where = (artifacts or root_path / "build" / "native").absolute()
    preflight(where, boards_in(context.args, root_path)[0])
    run_dir = RunDir(folder.absolute()) if folder else RunDir.new(root_path)
    try:
        run_dir.path.mkdir(parents=True, exist_ok=True)
        if any(run_dir.path.iterdir()):
            raise UsageError(
                f"--hil-run-dir: {folder} is not empty; results of another run would be taken for this one's"
            )
    except OSError as error:
        raise BenchError(f"results cannot go to {run_dir.path}: {error.strerror}") from None
    arguments = with_defaults(context.args, root_path)
    arguments += [f"--rootdir={root_path}", f"--hil-artifacts={where}", f"--hil-run-dir={run_dir.path}"]
    arguments += [f"--hil-seed={seed}", f"--junitxml={run_dir.path / 'junit.xml'}"]
    if workers > 1:
        arguments += ["-n", str(workers), *XDIST_OPTIONS]
    status, complaint = run_pytest(arguments, *(() if plain() else (RunProgress(),)))
    results = run_dir.read_results() if run_dir.results.is_file() else None
    if results is None and complaint is None and run_dir.begun:
        raise BenchError(f"there are no results: {run_dir.results} could not be written; is the disk full?")
    if results is not None:
        print_summary(results, run_dir.path, terminal())
    if complaint:
        say(complaint)
    raise typer.Exit(exit_code(status, results))
