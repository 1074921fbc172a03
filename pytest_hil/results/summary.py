# SPDX-License-Identifier: Apache-2.0
"""The table at the end of a run, for a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

_STYLE = {"passed": "green", "failed": "red", "bench_error": "magenta", "not_run": "yellow", "skipped": "yellow"}


def figure(value: Any, unit: str = "", scale: float = 1.0, digits: int = 0) -> str:
    return "" if value is None else f"{value / scale:.{digits}f}{unit}"


def short_id(test_id: str) -> str:
    """The part of a test's id that tells it from the others."""
    name = test_id.rpartition("::")[2]
    return name[name.index("[") + 1 : -1] if name.endswith("]") else name.removeprefix("test_").replace("_", " ")


def print_summary(results: dict[str, Any], run_path: Path, out: Console) -> None:
    table = Table(title=f"Run {results['run']['id']}", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("test", no_wrap=True)
    for name in ("kind", "outcome"):
        table.add_column(name)
    for name in ("stop", "forced", "heap gained", "OTA", "test took"):
        table.add_column(name, justify="right")
    table.add_column("seen", no_wrap=True)
    for test in results["tests"]:
        outcome = str(test["outcome"])
        table.add_row(
            short_id(test["id"]),
            test["kind"],
            f"[{_STYLE.get(outcome, '')}]{outcome}[/]" if outcome in _STYLE else outcome,
            figure(test["stop_ms"], " ms"),
            figure(test["forced_count"]),
            figure(test["heap_gained"], " KB", 1024, 1),
            figure(test["ota_ms"], " ms"),
            figure(test["duration_s"], " s", digits=1),
            test["seen"] or "",
        )
    out.print(table)
    for test in results["tests"]:
        if test["failure"]:
            out.print(f"[red]{short_id(test['id'])}[/]: {test['failure']}", highlight=False)
    passed = sum(test["outcome"] == "passed" for test in results["tests"])
    out.print(
        f"{passed} of {len(results['tests'])} passed in {results['run']['duration_s']:.1f} s: "
        f"[bold {'green' if results['verdict'] == 'pass' else 'red'}]{results['verdict']}[/]",
        highlight=False,
    )
    out.print(f"Logs, results.json and report.html: {run_path}", highlight=False, soft_wrap=True)
