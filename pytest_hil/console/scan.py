# SPDX-License-Identifier: Apache-2.0
"""A saved log, read as a live one is: the same panics and resets. Lines count from 1, as an editor shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO

from .events import Event, EventPattern
from .log_reader import LogReader
from .panic import SCAN_FIELDS, Panic
from .record import LINE_MAX, Line, split_lines
from .resets import Reset

_BATCH = 10_000  # lines


@dataclass(frozen=True)
class ScannedLog:
    """What one log says."""

    log: str
    panics: tuple[Panic, ...]
    resets: tuple[dict[str, Any], ...]
    events: tuple[Event, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "log": self.log,
            "panic": bool(self.panics),
            "panics": [_as_json(panic) for panic in self.panics],
            "resets": list(self.resets),
        }


def scan(log: str, file: BinaryIO, patterns: Sequence[EventPattern] = ()) -> ScannedLog:
    """Reads it to its end. Raises OSError."""
    reader = LogReader(patterns)
    lines = _lines(file)
    while batch := list(islice(lines, _BATCH)):
        reader.take(batch)
    events = tuple(reader.events.events)
    return ScannedLog(log, tuple(reader.panics.panics), tuple(_resets(reader.resets, events)), events)


def _lines(file: BinaryIO) -> Iterator[Line]:
    """By the newlines alone, so that a progress bar's carriage returns move no line number."""
    number = 0
    while raw := file.readline(LINE_MAX):
        ended = raw.endswith(b"\n")
        for piece in split_lines(raw if ended else raw.rstrip(b"\r") + b"\n"):
            yield Line(number, 0.0, piece)
        number += ended


def _as_json(panic: Panic) -> dict[str, Any]:
    fields = {name: getattr(panic, name) for name in SCAN_FIELDS}
    return fields | {"at_line": panic.at_line + 1}


def _resets(resets: Iterable[Reset], events: Iterable[Event]) -> list[dict[str, Any]]:
    """The ROM's lines, each with the reason that the app gave after it; and boots that only the app told of."""
    rows: list[dict[str, Any]] = [
        {"code": reset.code, "name": reset.name, "reason": None, "at_line": reset.at_line + 1} for reset in resets
    ]
    previous_boot = 0
    for event in events:
        if event.name != "boot":
            continue
        reason, at_line = event.get("reset_reason"), event.at_line + 1
        before = [row for row in rows if previous_boot < row["at_line"] < at_line]
        if before:
            before[-1]["reason"] = reason
        else:
            rows.append({"code": None, "name": None, "reason": reason, "at_line": at_line})
        previous_boot = at_line
    return sorted(rows, key=lambda row: int(row["at_line"]))
