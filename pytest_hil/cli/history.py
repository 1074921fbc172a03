# SPDX-License-Identifier: Apache-2.0
"""`hil history`: what earlier runs say together: flaky tests, figures that changed, the newest runs."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..errors import BenchError, UsageError
from ..printable import one_line
from ..results.history import FILE_NAME, History, HistoryError, Result, Run
from ..results.run_dir import RUNS
from ..results.summary import figure, short_id
from ..results.trends import BASELINE, LEAST_BASELINE, MAX_Q, RECENT, Change, Flaky, changes, flaky
from .app import app, root_or_here, terminal

_OUTCOMES = {"passed": "green", "failed": "red", "bench_error": "magenta"}
SHOWN_RUNS = 10


@app.command(
    epilog="Examples: [bold]hil history[/], [bold]hil history --test stalled[/], "
    "[bold]hil history --add build/hil/20260101-120000-1[/], [bold]hil history --json[/]"
)
def history(
    *,
    file: Annotated[Path | None, typer.Option(help="The history.", show_default=str(RUNS / FILE_NAME))] = None,
    runs: Annotated[int, typer.Option(min=1, help="Look at so many of the newest runs.")] = 100,
    test: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Tell each result of the tests with this text in their names.")
    ] = None,
    add: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="First take in the results of this run, from wherever it was made."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Rank flaky tests and tell which figures really changed, by what earlier runs left.

    Exit code: 0 it was told, 2 there is no history, 3 it cannot be read.
    """
    path = file or root_or_here() / RUNS / FILE_NAME
    given = {folder: results_of(folder) for folder in add or ()}
    if not given and not path.is_file():
        raise UsageError(f"there is no history {path}: each 'hil run' adds to it")
    try:
        with History(path) as opened:
            for folder, results in given.items():
                with taken_for_results(folder):
                    opened.add(results)
            newest = opened.runs(runs)
            everything = opened.results(newest[0].number) if newest else []
    except HistoryError as error:
        raise BenchError(str(error)) from None
    if test is not None:
        everything = [result for result in everything if test in result.test]
        if not everything:
            raise UsageError(f"no test in the last {len(newest)} runs has {one_line(test)!r} in its name")
    shaky, changed = flaky(everything), changes(everything)
    if as_json:
        _print_json(newest, shaky, changed, everything if test is not None else ())
        return
    out = terminal()
    if test is None:
        _print_runs(out, newest[-SHOWN_RUNS:], len(newest))
    else:
        _print_results(out, everything, {run.number: run.id for run in newest})
    _print_flaky(out, shaky)
    _print_changes(out, changed)


def results_of(folder: Path) -> dict[str, Any]:
    """A run's results.json. Raises UsageError."""
    path = folder / "results.json" if folder.is_dir() else folder
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    with taken_for_results(path):
        results: dict[str, Any] = json.loads(text)
        if not isinstance(results["tests"], list):
            raise TypeError("its tests are no list")
    return results


@contextlib.contextmanager
def taken_for_results(path: Path, *more: type[Exception]) -> Iterator[None]:
    """What is not as hil writes it is told as such; `more`: by which errors it shows, too. Raises UsageError."""
    wrong: tuple[type[Exception], ...] = (
        ArithmeticError,
        AttributeError,
        KeyError,
        RecursionError,
        TypeError,
        ValueError,
        *more,
    )
    try:
        yield
    except wrong as error:
        raise UsageError(f"{path} is no results.json of hil: {type(error).__name__}: {error}") from None


def _print_json(
    runs: Sequence[Run], shaky: Sequence[Flaky], changed: Sequence[Change], results: Sequence[Result]
) -> None:
    told = {
        "runs": [asdict(run) for run in runs],
        "flaky": [asdict(one) for one in shaky],
        "changes": [asdict(change) for change in changed],
        "results": [asdict(result) for result in results],
    }
    typer.echo(json.dumps(told, indent=1))  # ASCII: what steers a terminal is escaped


def _table(title: str, *columns: str) -> Table:
    """A column whose name begins with > holds numbers."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(name.removeprefix(">"), justify="right" if name.startswith(">") else "left", overflow="fold")
    return table


def _print_runs(out: Console, runs: Sequence[Run], count: int) -> None:
    table = _table(
        f"The newest {len(runs)} of {count} runs", "run", "started", "verdict", ">passed", ">of", ">took", "image"
    )
    for run in runs:
        table.add_row(
            Text(one_line(run.id)),
            Text(one_line(run.started)),
            Text(one_line(run.verdict), style="green" if run.verdict == "pass" else "red"),
            str(run.tests - run.failed),
            str(run.tests),
            figure(run.duration_s, " s", digits=1),
            Text(one_line((run.image or "")[:12])),
        )
    out.print(table)


def _print_results(out: Console, results: Sequence[Result], runs: dict[int, str]) -> None:
    table = _table("Results", "run", "test", "outcome", ">stop", ">OTA", ">took", "failure")
    for result in results:
        table.add_row(
            Text(one_line(runs[result.run])),
            Text(short_id(result.test)),
            Text(one_line(result.outcome), style=_OUTCOMES.get(result.outcome, "yellow")),
            figure(result.stop_ms, " ms"),
            figure(result.ota_ms, " ms"),
            figure(result.duration_s, " s", digits=1),
            Text(one_line(result.failure or "")),
        )
    out.print(table)


def _print_flaky(out: Console, shaky: Sequence[Flaky]) -> None:
    if not shaky:
        out.print("No test both passed and failed with the same image.")
        return
    columns = (">score", ">failed", ">bench", ">retried", ">of", ">flips", "test", "board", "last failure")
    table = _table("Flaky: passed and failed with the same image, the worst first", *columns)
    for one in shaky:
        table.add_row(
            f"{one.score:.2f}",
            *map(str, (one.failed, one.bench, one.retried, one.results, one.flips)),
            Text(short_id(one.test)),
            Text(one_line(one.board_kind or "")),
            Text(one_line(one.last_failure or "")),
        )
    out.print(table)
    out.print("score: lower end of the 95 % interval (Wilson) of the share that did not pass at once", style="dim")


def _print_changes(out: Console, changed: Sequence[Change]) -> None:
    how = (
        f"Mann-Whitney U, two-sided, exact: the newest {RECENT} results of a test against up to {BASELINE} before them "
        f"(at least {LEAST_BASELINE}); q after Benjamini and Hochberg, at most {MAX_Q:g}; medians at least 5 % apart"
    )
    if not changed:
        out.print("No figure changed.")
    else:
        table = _table("Figures that changed", "test", "figure", ">before", ">now", "", ">U", ">p", ">q")
        for change in changed:
            digits = 1 if change.unit == "s" else 0
            table.add_row(
                Text(short_id(change.test)),
                change.figure.replace("_", " "),
                figure(change.before, f" {change.unit}", digits=digits),
                figure(change.now, f" {change.unit}", digits=digits),
                Text("worse", style="red") if change.worse else Text("better", style="green"),
                f"{change.u:g}",
                f"{change.p:.1e}",
                f"{change.q:.1e}",
            )
        out.print(table)
    out.print(how, style="dim")
