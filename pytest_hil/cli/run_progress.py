# SPDX-License-Identifier: Apache-2.0
"""A run in progress, for a person at a terminal: how many tests are done, which runs, and what its board is doing.

Registered with pytest in place of its dots. Where there is no terminal, or NO_COLOR is set, the dots stay.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from ..results.summary import short_id
from ..steps import Fraction, Steps


class _StepColumn(ProgressColumn):
    """What the board is doing, and how much of it is done. Asked anew each time it is drawn."""

    max_refresh = None

    def __init__(self, told: Callable[[], tuple[str, Fraction]]) -> None:
        super().__init__()
        self._told = told

    def render(self, _task: Task) -> Text:
        what, fraction = self._told()
        share = fraction()
        return Text(what if share is None else f"{what} {share:.0%}", style="cyan")


class RunProgress(Steps):
    """A plugin of pytest's; see `Steps` for what a rig tells it."""

    def __init__(self) -> None:
        super().__init__()
        # pytest captures what a test prints; this is the terminal itself.
        self._terminal = os.fdopen(os.dup(sys.stdout.fileno()), "w")
        self._bar = Progress(
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            _StepColumn(lambda: self.current),
            console=Console(file=self._terminal, force_terminal=True),
            transient=True,
        )
        self._task = self._bar.add_task("", total=None)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if session.items:
            self._expect(len(session.items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: Sequence[str]) -> None:  # noqa: ARG002
        self._expect(len(ids))

    def _expect(self, count: int) -> None:
        self._bar.update(self._task, total=count)
        self._bar.start()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.step("")
        self._bar.update(self._task, description=short_id(nodeid))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":
            self._bar.advance(self._task)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """The words by which pytest counts, without its dots."""
        if report.when != "call" and report.passed:
            return "", "", ""
        return ("error" if report.failed and report.when != "call" else report.outcome), "", ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        self._bar.stop()

    def pytest_unconfigure(self) -> None:
        self._bar.stop()
        self._terminal.close()
