# SPDX-License-Identifier: Apache-2.0
"""Strategy by clients by board: which ways to stop were tried with whom connected, on which board, and how it went."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..results.summary import figure

_FIRST = ("graceful", "plain", "kill_task")  # the rest follow by name


@dataclass(frozen=True)
class Cell:
    """The tests of one strategy with the same clients, board by board."""

    tests: tuple[int, ...]  # places in results.json
    stop: str  # the median of promises that passed
    seen: str  # what a control or an observation saw


@dataclass(frozen=True)
class Matrix:
    columns: tuple[tuple[str, str], ...]  # strategy, stream mode
    rows: tuple[tuple[str, tuple[Cell | None, ...]], ...]  # clients, a cell a column
    boards: tuple[str, ...]


def clients_of(test: Mapping[str, Any]) -> str:
    """As a person says it."""
    streams = test.get("streams") or {}
    return ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in streams.items() if count) or "no client"


def matrix(tests: Sequence[Mapping[str, Any]]) -> Matrix:
    """Of the tests that stopped a server in some way; the others are in the list alone."""
    cells: dict[tuple[str, tuple[str, str]], list[int]] = {}
    for number, test in enumerate(tests):
        if test.get("strategy"):
            column = (str(test["strategy"]), str(test.get("stream_mode") or ""))
            cells.setdefault((clients_of(test), column), []).append(number)
    columns = sorted({column for _, column in cells}, key=_order)
    rows = list(dict.fromkeys(clients for clients, _ in cells))
    rows.sort(key=lambda row: (row != "no client", -sum((row, column) in cells for column in columns)))
    boards = sorted({str(tests[n].get("board")) for numbers in cells.values() for n in numbers})
    return Matrix(
        tuple(columns),
        tuple((row, tuple(_cell(cells.get((row, column)), tests) for column in columns)) for row in rows),
        tuple(boards),
    )


def _order(column: tuple[str, str]) -> tuple[int, str, str]:
    strategy, mode = column
    return (_FIRST.index(strategy) if strategy in _FIRST else len(_FIRST), strategy, mode)


def _cell(numbers: list[int] | None, tests: Sequence[Mapping[str, Any]]) -> Cell | None:
    if not numbers:
        return None
    passed = [tests[n] for n in numbers if tests[n]["outcome"] == "passed"]
    stops = [test["stop_ms"] for test in passed if test["kind"] == "promise" and test["stop_ms"] is not None]
    seen = next((str(test["seen"]) for test in passed if test["seen"]), "")
    by_board = sorted(numbers, key=lambda n: str(tests[n].get("board")))
    return Cell(tuple(by_board), figure(statistics.median(stops), " ms") if stops else "", seen)
