# SPDX-License-Identifier: Apache-2.0
"""All that a log's lines mean, found in one pass: events, panics, resets. The same for a board and a saved file."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .boots import BootWatch
from .events import MARK, EventPattern, EventReader
from .panic_texts import TRIGGERS
from .panics import PanicScanner
from .record import Line
from .resets import MARKS, Reset, reset_of

_INTEREST = re.compile(b"|".join((TRIGGERS.pattern, re.escape(MARK), *map(re.escape, MARKS))))


class LogReader:
    """Give it lines in order. Whole batches without anything of interest cost one search."""

    def __init__(self, patterns: Sequence[EventPattern] = ()) -> None:
        self.events = EventReader(patterns)
        self.panics = PanicScanner()
        self.resets: list[Reset] = []
        self._boots = BootWatch(self.panics)
        self._mapped = bool(patterns)

    def take(self, lines: Sequence[Line]) -> None:
        panics, boots, search = self.panics, self._boots, _INTEREST.search
        for line in lines:
            if self._mapped or panics.watching or boots.watching or search(line.raw):
                self._take(line)

    def lost(self, lines: Sequence[Line]) -> None:
        """After these, the last of which is cut, bytes may have been lost by the bench."""
        problems = len(self.events.problems)
        self.take(lines)
        del self.events.problems[problems:]
        self.events.lost()
        self._boots.lost()

    def reset_asked(self) -> None:
        """The rig is about to reset the board."""
        self._boots.asked()

    def _take(self, line: Line) -> None:
        event = self.events.take(line)
        if event is not None:
            self._boots.event(event, line)
            if not event.mapped:
                return  # what it quotes is told, not happening
        if reset := reset_of(line):
            self.resets.append(reset)
            self._boots.reset(reset, line)
            return
        if event is None and self._boots.watching:
            self._boots.line(line)
        self.panics.take((line,))
