# SPDX-License-Identifier: Apache-2.0
"""A board's lines as they come, for a person: events picked out, log levels in colour, panics told at once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.text import Text

from ..console.events import Event, EventPattern
from ..console.log_reader import LogReader
from ..console.record import Line
from ..printable import one_line

_LEVEL = re.compile(r"^(?:([EWIDV]) \(|\[ *\d+\]\[([EWIDV])\])")
_STYLES = {"E": "red", "W": "yellow", "I": "green", "D": "dim", "V": "dim"}


class LiveView:
    """Give its `take` to a record."""

    def __init__(self, out: Console, patterns: Sequence[EventPattern] = ()) -> None:
        self.reader = LogReader(patterns)
        self.on_unread: Callable[[], None] = lambda: None  # called once, when nothing can be shown any more
        self._unread = False
        self._out = out
        self._events = 0
        self._panics = 0

    def take(self, lines: Sequence[Line]) -> None:
        for line in lines:
            self.reader.take((line,))
            events, panics = self.reader.events.events, self.reader.panics.panics
            if len(events) > self._events:
                self._events = len(events)
                self.show(_event_text(events[-1]))
            else:
                self.show(_line_text(line))
            if len(panics) > self._panics:
                self._panics = len(panics)
                self.show(Text(f"--- panic: {panics[-1]}", style="bold white on red"))

    def show(self, text: Text) -> None:
        """Never fails: the thread that reads the board must live on until it is told to end."""
        if self._unread:
            return
        try:
            self._out.print(text, soft_wrap=True)
        except (OSError, SystemExit):  # the second is rich's, where the reader of a pipe has gone
            self._unread = True
            self.on_unread()


def _line_text(line: Line) -> Text:
    level = _LEVEL.match(line.text)
    return Text(line.text, style=_STYLES[level.group(1) or level.group(2)] if level else "")


def _event_text(event: Event) -> Text:
    fields = " ".join(
        f"{name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, value in event.fields.items()
        if name not in ("n", "t", "ev")
    )
    text = Text(f"{event.t_ms / 1000:9.3f} ", style="dim")
    text.append(f"[{one_line(event.name)}]", style="bold cyan")
    return text.append(f" {one_line(fields)}".rstrip(), style="cyan")
