# SPDX-License-Identifier: Apache-2.0
"""The app's `@hil {...}` lines: parsing, and proof that none was lost. And, for firmware without them, its own log
lines taken for events by pattern.

`n` counts up from a boot; a gap is a lost event. Counting starts with the first event received: what a port lost before
the rig could listen is not the firmware's fault. Log lines have no numbers, so none of theirs can be missed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .record import Line

MARK = b"@hil "
LARGEST = 2**53  # no milliseconds and no bytes of a chip come near it; a float still counts so far
_EVENT = re.compile(r"@hil (\{.*\})\s*$")
_LOG_TIME = re.compile(r"^[EWIDV] \((\d+)\) ")


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
    mapped: bool = False  # a log line that was taken for an event

    def __getitem__(self, field: str) -> Any:
        return self.fields[field]

    def get(self, field: str, default: Any = None) -> Any:
        return self.fields.get(field, default)

    def __str__(self) -> str:
        return json.dumps(dict(self.fields))


@dataclass(frozen=True, slots=True)
class EventPattern:
    """Log lines that are an event: its named groups are the fields, whole numbers as such."""

    name: str
    pattern: re.Pattern[str]


def event_patterns(patterns: Mapping[str, str]) -> tuple[EventPattern, ...]:
    """From event names and regular expressions, as a bench file gives them. Raises re.error."""
    return tuple(EventPattern(name, re.compile(pattern)) for name, pattern in patterns.items())


class EventReader:
    """Turns lines into events, in order, and collects what is wrong with their numbering."""

    def __init__(self, patterns: Sequence[EventPattern] = ()) -> None:
        self.events: list[Event] = []
        self.problems: list[str] = []
        self._patterns = patterns
        self._next_n: int | None = None
        self._boot = 0

    def lost(self) -> None:
        """Bytes were lost here, by the bench: the numbers may begin anew."""
        self._next_n = None

    def take(self, line: Line) -> Event | None:
        """The event of this line, if it holds one."""
        if MARK not in line.raw:
            return self._mapped(line) if self._patterns else None
        match = _EVENT.search(line.text)
        fields = _parse(match.group(1)) if match else None
        if fields is None:
            self.problems.append(f"line {line.number + 1}: an event that cannot be read: {line.text!r}")
            return None
        name, n = str(fields["ev"]), int(fields["n"])
        if name != "boot" and self._next_n is not None and n != self._next_n:
            self.problems.append(
                f"line {line.number + 1}: event {name!r} has n={n}, expected {self._next_n}: events were lost"
            )
        self._next_n = n + 1
        return self._add(Event(name, n, _whole(fields.get("t")), self._boot_of(name), line.number, line.at_s, fields))

    def _mapped(self, line: Line) -> Event | None:
        text = line.text
        for pattern in self._patterns:
            if match := pattern.pattern.search(text):
                fields = {name: _value(value) for name, value in match.groupdict().items() if value is not None}
                time = _LOG_TIME.match(text)
                boot = self._boot_of(pattern.name)
                n, t_ms = len(self.events), int(time.group(1)) if time else 0
                fields = {"ev": pattern.name, **fields}
                return self._add(Event(pattern.name, n, t_ms, boot, line.number, line.at_s, fields, mapped=True))
        return None

    def _boot_of(self, name: str) -> int:
        if name == "boot" and self.events:
            self._boot += 1
        return self._boot

    def _add(self, event: Event) -> Event:
        self.events.append(event)
        return event


def _value(text: str) -> str | int:
    return int(text) if re.fullmatch(r"-?\d{1,18}", text) else text


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _no_number(constant: str) -> None:
    """NaN and the infinities are no JSON, and no figure."""
    raise ValueError(constant)


_JSON = json.JSONDecoder(parse_constant=_no_number)
_NUMBER = (int, float)


def _parse(text: str) -> dict[str, Any] | None:
    try:
        fields = _JSON.decode(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or not isinstance(fields.get("ev"), str) or not isinstance(fields.get("n"), int):
        return None
    for value in fields.values():
        if isinstance(value, _NUMBER) and not -LARGEST <= value <= LARGEST:
            return None
    return fields
