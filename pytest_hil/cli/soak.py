# SPDX-License-Identifier: Apache-2.0
"""`hil soak`: updates back and forth for hours; interrupted and resumed at will."""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..errors import UsageError
from ..preflight import preflight
from ..results.run_dir import RunDir
from ..soak.cycle import Cycle
from ..soak.journal import Journal
from ..soak.plan import CyclePlan
from ..soak.run import soak as run_soak
from ..soak.summary import Summary
from . import BENCH_FAILED, FIRMWARE_FAILED, PASS, say
from .app import app, bench_file, board_names, project_root, terminal

FOLDER = Path("build") / "soak"
PLAIN_EVERY = 25  # cycles to a line of progress, where there is no terminal


@app.command(
    epilog="Examples: [bold]hil soak --cycles 1000[/], [bold]hil soak --resume[/], "
    "[bold]hil soak --seed 7 --cycles 1 --first 412[/] (one cycle again)"
)
def soak(
    *,
    cycles: Annotated[int | None, typer.Option(min=1, help="How many updates.", show_default="100")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Decides each cycle.", show_default="a new one")] = None,
    first: Annotated[int, typer.Option(min=0, help="Number of the first cycle, to run one again.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the newest run.")] = False,
    board: Annotated[str, typer.Option(help="A board of bench.toml.", autocompletion=board_names)] = "native",
    artifacts: Annotated[
        Path | None, typer.Option(help="Folder with prebuilt images.", show_default="build/native")
    ] = None,
) -> None:
    """Update a board back and forth with streams on, every cycle with other clients and faults.

    Leaves build/soak/latest: soak.json, soak.svg (heap and stop time), cycles.jsonl, the console log.
    Exit code: 0 pass, 1 the firmware failed or leaks, 2 usage, 3 the bench failed or the run was interrupted.
    """
    root = project_root()
    config = bench_file().board(board)
    if resume and (seed is not None or first):
        raise UsageError("--resume goes on with the seed of the newest run: leave --seed and --first out")
    built = preflight((artifacts or root / "build" / "native").absolute(), config)
    if resume:
        journal = Journal.resume((root / FOLDER / "latest").resolve(), cycles)
    else:
        folder = root / FOLDER / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        journal = Journal.begin(folder, secrets.randbelow(1 << 31) if seed is None else seed, cycles or 100, first)
        RunDir(folder).point_latest()
    out = terminal()
    out.print(f"seed {journal.seed}, {journal.wanted} cycles, results in {journal.folder}", soft_wrap=True)
    failure, interrupted = None, False
    with _Told(out, journal) as told:
        try:
            run_soak(built, config, journal, told)
        except AssertionError as error:
            failure = str(error)
        except KeyboardInterrupt:
            interrupted = True
    summary = journal.finish(journal.cycles(), failure)
    _print(out, summary)
    if interrupted:
        say(f"interrupted after {len(summary.cycles)} of {journal.wanted} cycles; 'hil soak --resume' goes on")
        raise typer.Exit(BENCH_FAILED)
    raise typer.Exit(PASS if summary.verdict == "pass" else FIRMWARE_FAILED)


class _Told:
    """Progress, with the time that is left; without a terminal a line now and then."""

    def __init__(self, out: Console, journal: Journal) -> None:
        self._out, self._wanted = out, journal.wanted
        self._done = len(journal.cycles())
        self._began, self._at_first = time.monotonic(), self._done
        self._bar = Progress(
            MofNCompleteColumn(),
            BarColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
            console=out,
            disable=not out.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("", total=self._wanted, completed=self._done)

    def __call__(self, plan: CyclePlan, cycle: Cycle | None) -> None:
        if cycle is None:
            self._bar.update(self._task, description=str(plan))
            return
        self._done += 1
        self._bar.update(self._task, completed=self._done)
        if not self._out.is_terminal and (self._done % PLAIN_EVERY == 0 or self._done == self._wanted):
            each = (time.monotonic() - self._began) / (self._done - self._at_first)
            left = each * (self._wanted - self._done)
            self._out.print(f"{self._done} of {self._wanted} cycles, {each:.2f} s each, {left / 60:.0f} min left")

    def __enter__(self) -> _Told:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


def _print(out: Console, summary: Summary) -> None:
    if stops := summary.stop_ms:
        out.print(
            f"stop time of {stops['stops']} stops: p50 {stops['p50']:.0f} ms, p99 {stops['p99']:.0f} ms, "
            f"max {stops['max']:.0f} ms"
        )
    for drift in summary.drifts:
        slopes = " and ".join(f"{one.per_cycle:+.3g} ± {one.error:.2g}" for one in drift.halves)
        if slopes:
            out.print(f"{drift.figure}: {slopes} a cycle in the two halves{': leaks' if drift.leaks else ''}")
    if not summary.judged:
        out.print("too few cycles to tell whether anything leaks")
    if summary.failure:
        out.print(summary.failure, markup=False, soft_wrap=True)
    out.print(f"{len(summary.cycles)} of {summary.wanted} cycles: {summary.verdict}")
