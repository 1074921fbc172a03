# SPDX-License-Identifier: Apache-2.0
"""The verdict for a person at a terminal: a line a reason, and how far each figure is from its limit."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..results.summary import name_of
from .judge import Judged
from .reason import Margin, one_line


def print_verdict(judged: Judged, out: Console, *, explain: bool) -> None:
    verdict = judged.verdict
    if explain:
        out.print(_table(verdict.margins))
    for reason in verdict.reasons:
        out.print(Text(str(reason)), soft_wrap=True)
    out.print(summary(judged), style="bold green" if verdict.ships else "bold red", soft_wrap=True)


def summary(judged: Judged) -> str:
    """The last line."""
    verdict = judged.verdict
    over = f"{len(verdict.passed)} scenarios in {plural(len(judged.runs), 'run')}"
    if verdict.ships:
        return f"PASS: {over}, nothing against {', '.join(str(image.path) for image in judged.images)}"
    return f"FAIL: {plural(len(verdict.reasons), 'reason')}; {over} passed"


def plural(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _table(margins: list[Margin]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("what", no_wrap=True)
    for name in ("limit", "is", "margin"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("where", overflow="fold")
    for margin in margins:
        cells = (one_line(margin.what), *figures(margin), one_line(name_of(margin.at)))
        table.add_row(*(Text(cell, style="" if margin.holds else "red") for cell in cells))
    return table


def figures(margin: Margin) -> tuple[str, str, str]:
    """Limit, value, and what is left between them."""
    relation = "≥" if margin.at_least else "≤"
    limit = f"{relation} {_told(margin.limit, margin.unit)}"
    if margin.value is None:
        return limit, "not measured", ""
    left = margin.value - margin.limit if margin.at_least else margin.limit - margin.value
    return limit, _told(margin.value, margin.unit), _told(left, margin.unit)


def _told(value: float, unit: str) -> str:
    number = f"{value:.3f}".rstrip("0").rstrip(".") or "0"
    return f"{number} {unit}".rstrip()
