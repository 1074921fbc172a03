# SPDX-License-Identifier: Apache-2.0
"""`hil report`: report.html of a run, made anew from what the run left."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from jinja2 import TemplateError

from ..errors import UsageError
from ..report.page import page
from ..results.run_dir import RUNS
from .app import app, root_or_here, terminal
from .history import results_of, taken_for_results


@app.command(epilog="Examples: [bold]hil report[/], [bold]hil report build/hil/20260101-120000-1 --out page.html[/]")
def report(
    run: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="A run's folder.", show_default=str(RUNS / "latest"))
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where the page goes.", show_default="report.html in that folder")
    ] = None,
) -> None:
    """Make a run's report.html anew, from its results and logs.

    Exit code: 0 it was written, 2 there is no such run.
    """
    folder = (run or root_or_here() / RUNS / "latest").resolve()
    results = results_of(folder)
    target = out or folder / "report.html"
    try:
        with taken_for_results(folder, TemplateError):
            text = page(results, folder)
        target.write_text(text)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}") from None
    terminal().print(str(target), markup=False, soft_wrap=True)
