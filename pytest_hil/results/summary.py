# SPDX-License-Identifier: Apache-2.0
"""The table at the end of a run, for a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ..printable import one_line

_STYLE = {"passed": "green", "failed": "red", "bench_error": "magenta", "not_run": "yellow", "skipped": "yellow"}


def figure(value: Any, unit: str = "", scale: float = 1.0, digits: int = 0) -> str:
    return "" if value is None else f"{value / scale:.{digits}f}{unit}"


def short_id(test_id: str) -> str:
    """The part of a test's id that tells it from the others."""
    parameters = name_of(test_id).partition("[")[2]
    if parameters.endswith("]"):
        return parameters[:-1]
    return name_of(test_id).rpartition("::")[2].removeprefix("test_").replace("_", " ")


def name_of(test_id: str) -> str:
    """The same without its file; a parameter may hold anything, also `::`."""
    file, _, name = one_line(test_id).partition("::")
    return name or file


@dataclass(frozen=True)
class _Column:
    name: str
    cell: Callable[[dict[str, Any]], str]
    number: bool = False
    dropped: int = 0  # the higher, the earlier it goes when the terminal is narrow; 0: never

    def width(self, tests: Sequence[dict[str, Any]]) -> int:
        return max([len(self.name), *(len(one_line(self.cell(test))) for test in tests)])


_COLUMNS = (
    _Column("test", lambda test: short_id(test["id"])),
    _Column("kind", lambda test: str(test["kind"]), dropped=5),
    _Column("outcome", lambda test: str(test["outcome"])),
    _Column("stop", lambda test: figure(test["stop_ms"], " ms"), number=True, dropped=1),
    _Column("forced", lambda test: figure(test["forced_count"]), number=True, dropped=6),
    _Column("heap gained", lambda test: figure(test["heap_gained"], " KB", 1024, 1), number=True, dropped=4),
    _Column("OTA", lambda test: figure(test["ota_ms"], " ms"), number=True, dropped=3),
    _Column("test took", lambda test: figure(test["duration_s"], " s", digits=1), number=True, dropped=2),
    _Column("seen", lambda test: test["seen"] or "", dropped=7),
)
_GAP = 3  # columns of the terminal between two of the table, as SIMPLE_HEAD sets them


def _fitting(tests: Sequence[dict[str, Any]], width: int) -> list[_Column]:
    """The columns for which there is room, each in full."""
    columns = list(_COLUMNS)
    while sum(column.width(tests) + _GAP for column in columns) > width:
        least = max(columns, key=lambda column: column.dropped)
        if not least.dropped:
            break
        columns.remove(least)
    return columns


def print_summary(results: dict[str, Any], run_path: Path, out: Console) -> None:
    tests = results["tests"]
    columns = _fitting(tests, out.width)
    table = Table(
        title=Text(f"Run {one_line(results['run']['id'])}"), title_justify="left", box=SIMPLE_HEAD, pad_edge=False
    )
    for column in columns:
        table.add_column(
            column.name, justify="right" if column.number else "left", no_wrap=column.name != "test", overflow="fold"
        )
    for test in tests:
        style = _STYLE.get(str(test["outcome"]), "")
        table.add_row(*(Text(one_line(c.cell(test)), style=style if c.name == "outcome" else "") for c in columns))
    out.print(table)
    told = {column.name for column in columns}
    for test in tests:
        if test["seen"] and "seen" not in told:
            out.print(Text(f"{short_id(test['id'])}: {one_line(test['seen'])}"))
    for test in tests:
        if test["failure"]:
            out.print(Text.assemble((short_id(test["id"]), "red"), f": {one_line(test['failure'])}"))
    passed = sum(test["outcome"] == "passed" for test in tests)
    out.print(
        f"{passed} of {len(tests)} passed in {results['run']['duration_s']:.1f} s: "
        f"[bold {'green' if results['verdict'] == 'pass' else 'red'}]{escape(one_line(results['verdict']))}[/]",
        highlight=False,
    )
    if left_out := results.get("left_out"):
        needed = ", ".join(sorted(set(left_out["needed"].values())))
        out.print(
            f"{len(left_out['needed'])} more need ESP-IDF {needed} or later and were left out: "
            f"these images were built with {one_line(left_out['built_with'])}",
            highlight=False,
        )
    out.print(Text(f"Logs, results.json and report.html: {run_path}"), soft_wrap=True)
