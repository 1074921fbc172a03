# SPDX-License-Identifier: Apache-2.0
"""A panic is a value: found in a stream of lines, filled in as its block goes on, independent of how the bytes came.

What the texts are is in panic_texts. Here is only how lines become panics:

* an opener at the start of a line begins a panic, unless one is open: then it belongs to it (an assert is followed by
  `abort()`, a corrupt heap by an assert);
* an opener in the middle of a line (two cores writing at once) is believed once a sign of the panic handler follows;
* two different signs without an opener are a panic whose opener was lost;
* a reset, or the next boot's first event, closes the block.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from .panic_texts import DETAILS, LOGGED, OPENERS, SIGNS, TRIGGERS
from .record import Line
from .resets import MARK as RESET_MARK

BLOCK_LINES = 120  # a panic's block with registers and stack memory is shorter than this
_FRAME = re.compile(r"0x[0-9a-fA-F]+:0x[0-9a-fA-F]+")


@dataclass(frozen=True, slots=True)
class Panic:
    """One panic. Fields the text does not tell are None."""

    kind: str
    text: str  # the line it began with
    at_line: int
    function: str | None = None
    file: str | None = None
    line: int | None = None
    expression: str | None = None
    cause: str | None = None
    task: str | None = None
    core: int | None = None
    backtrace: tuple[str, ...] = ()
    reset_reason: str | None = None  # as the next boot names it

    def __str__(self) -> str:
        where = f" in {self.function}" if self.function else ""
        what = f" ({self.expression or self.cause})" if self.expression or self.cause else ""
        return f"{self.kind}{where}{what}, line {self.at_line} of the log: {self.text!r}"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class PanicScanner:
    """Give it lines in order; `panics` grows and its last member is filled in."""

    def __init__(self) -> None:
        self.panics: list[Panic] = []
        self._open_since: int | None = None
        self._doubtful: tuple[Panic, int] | None = None  # an opener within a line, waiting for a sign
        self._signs: set[str] = set()
        self._first_sign: Line | None = None

    def take(self, lines: Sequence[Line]) -> None:
        for line in lines:
            if self._watching() or TRIGGERS.search(line.raw):
                self._take(line)

    def boot(self, reset_reason: str) -> None:
        """A boot event was seen: the block is over, and the reset it led to has a name."""
        if self.panics and self._awaits_reason:
            self.panics[-1] = replace(self.panics[-1], reset_reason=reset_reason)
        self._awaits_reason = False
        self._close()

    _awaits_reason = False

    def _watching(self) -> bool:
        return self._open_since is not None or self._doubtful is not None or bool(self._signs)

    def _take(self, line: Line) -> None:
        if RESET_MARK in line.raw:
            self._close()
            return
        text = line.text
        opener = _opener_in(text, line.number)
        sign = next((name for name, pattern in SIGNS.items() if pattern.search(text)), None)
        if self._open_since is not None:
            if line.number - self._open_since > BLOCK_LINES:
                self._close()
            else:
                self._add(text, opener[0] if opener else None)
                if sign in ("rebooting", "halted"):
                    self._close()
                return
        if opener and opener[1]:
            self._begin(opener[0])
        elif opener:
            self._doubtful = (opener[0], line.number)
        elif sign:
            self._take_sign(sign, line)
        self._forget_old(line.number)

    def _take_sign(self, sign: str, line: Line) -> None:
        if self._doubtful is not None:
            self._begin(self._doubtful[0])
            self._add(line.text, None)
            return
        self._first_sign = self._first_sign or line
        self._signs.add(sign)
        if len(self._signs) >= 2:
            first = self._first_sign
            self._begin(Panic("unknown", first.text, first.number))
            self._add(first.text, None)
            self._add(line.text, None)

    def _forget_old(self, number: int) -> None:
        if self._doubtful is not None and number - self._doubtful[1] > BLOCK_LINES:
            self._doubtful = None
        if self._first_sign is not None and number - self._first_sign.number > BLOCK_LINES:
            self._signs, self._first_sign = set(), None

    def _begin(self, panic: Panic) -> None:
        self._close()
        self.panics.append(panic)
        self._open_since = panic.at_line
        self._awaits_reason = True

    def _add(self, text: str, other: Panic | None) -> None:
        """What a further line of the block tells, where the panic does not know it yet."""
        known = self.panics[-1]
        found: dict[str, Any] = {}
        if other is not None:
            found = {k: v for k, v in asdict(other).items() if k not in ("kind", "text", "at_line")}
        for pattern in DETAILS:
            if match := pattern.search(text):
                found |= _fields(match)
        if match := SIGNS["backtrace"].search(text):
            found["backtrace"] = tuple(_FRAME.findall(match.group("frames")))
        news = {k: v for k, v in found.items() if v not in (None, ()) and getattr(known, k) in (None, ())}
        if news:
            self.panics[-1] = replace(known, **news)

    def _close(self) -> None:
        self._open_since = None
        self._doubtful = None
        self._signs, self._first_sign = set(), None


def _opener_in(text: str, number: int) -> tuple[Panic, bool] | None:
    """The panic this line begins, and whether it stands alone on its line; None when the line only quotes one."""
    quoted = LOGGED.match(text)
    for opener in OPENERS:
        match = opener.pattern.search(text)
        if match is None:
            continue
        if quoted and match.start() == quoted.end():
            return None
        panic = Panic(opener.kind, text[match.start() :].strip(), number, **_fields(match))
        return panic, match.start() == 0
    return None


def _fields(match: re.Match[str]) -> dict[str, Any]:
    found: dict[str, Any] = {k: v for k, v in match.groupdict().items() if v is not None}
    for number in ("line", "core"):
        if number in found:
            found[number] = int(found[number])
    return found


def scan(lines: Iterable[Line]) -> list[Panic]:
    """The panics in a finished log."""
    scanner = PanicScanner()
    scanner.take(list(lines))
    return scanner.panics
