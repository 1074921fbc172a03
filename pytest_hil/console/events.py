# SPDX-License-Identifier: Apache-2.0
"""The app's `@hil {...}` lines: parsing, and proof that none was lost.

`n` counts up from a boot; a gap is a lost event. Counting starts with the first event received: what a port lost before
the rig could listen is not the firmware's fault.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .record import Line

MARK = b"@hil "
_EVENT = re.compile(r"@hil (\{.*\})\s*$")


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `fields` holds everything of the line, also what the rig does not know."""

    name: str
    n: int
    t_ms: int  # since the board's boot
    boot: int  # which boot of this record, from 0
    at_line: int
    at_s: float  # when the runner received it, seconds since the record began
    fields: Mapping[str, Any]

    def __getitem__(self, field: str) -> Any:
        return self.fields[field]

    def get(self, field: str, default: Any = None) -> Any:
        return self.fields.get(field, default)

    def __str__(self) -> str:
        return json.dumps(dict(self.fields))


class EventReader:
    """Turns lines into events, in order, and collects what is wrong with their numbering."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.problems: list[str] = []
        self._next_n: int | None = None
        self._boot = 0

    def take(self, line: Line) -> Event | None:
        """The event of this line, if it holds one."""
        if MARK not in line.raw:
            return None
        match = _EVENT.search(line.text)
        fields = _parse(match.group(1)) if match else None
        if fields is None:
            self.problems.append(f"line {line.number}: an event that cannot be read: {line.text!r}")
            return None
        name, n = str(fields["ev"]), int(fields["n"])
        if name == "boot":
            if self.events:
                self._boot += 1
        elif self._next_n is not None and n != self._next_n:
            self.problems.append(
                f"line {line.number}: event {name!r} has n={n}, expected {self._next_n}: events were lost"
            )
        self._next_n = n + 1
        event = Event(name, n, int(fields.get("t", 0)), self._boot, line.number, line.at_s, fields)
        self.events.append(event)
        return event


def _parse(text: str) -> dict[str, Any] | None:
    try:
        fields = json.loads(text)
    except ValueError:
        return None
    if not isinstance(fields, dict) or not isinstance(fields.get("ev"), str) or not isinstance(fields.get("n"), int):
        return None
    return fields
