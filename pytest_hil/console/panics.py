# SPDX-License-Identifier: Apache-2.0
"""Finds panics in a stream of lines, and fills each in as its block goes on, however the bytes were cut.

What the texts are is in panic_texts. Here is only how lines become panics:

* an opener at the start of a line, behind bytes that are no text, or glued to another core's word begins a panic,
  unless one is open: then it belongs to it (an assert is followed by `abort()`, a corrupt heap by an assert);
* an opener in the middle of a line, and the first words of one at its start, wait for a sign of the panic handler;
  behind a log line's tag, where quotations stand, they wait for two;
* two different signs without an opener are a panic whose opener was lost;
* a task watchdog's warning prints what a panic prints: behind one, only the end of a block counts as a sign;
* a reset, the next boot's first event, or the firmware logging on closes the block.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .panic import Panic
from .panic_texts import (
    CORE_DUMP_LOG,
    DETAILS,
    DUMP_SIGNS,
    FRAME,
    FRAMES,
    LAST_SIGNS,
    LOGGED,
    OPENERS,
    PREFIX,
    REGISTER_DUMP,
    REGISTERS,
    SIGNS,
    STUBS,
    TRIGGERS,
    WATCHDOG_ABORTS,
    WATCHDOG_WARNING,
)
from .record import Line

__all__ = ["Panic", "PanicScanner", "scan"]

BLOCK_LINES = 120  # a panic's block with registers and stack memory is shorter than this
LOGGED_LINES = 6  # so many log lines in a row, and the firmware is going on: the block is over
DOUBT_LOGGED_LINES = 3  # what is doubtful is proved at once or not at all
NEEDED_ALONE, NEEDED_WITHIN, NEEDED_QUOTED = 0, 1, 2  # signs that prove an opener, by where it stands
GARBAGE = "\ufffd" + "".join(map(chr, (*range(9), *range(14, 32), *range(127, 160))))  # of a wrong baud rate
ROM_BANNER = re.compile(r"^(?:ets |ESP-ROM|Build:)")


@dataclass(slots=True)
class _Doubt:
    """Something that may be a panic, and what speaks for it."""

    panic: Panic
    needed: int
    stub: bool = False  # first words only: a reset at once proves them too
    lines: list[str] = field(default_factory=list)  # since, without log lines
    signs: set[str] = field(default_factory=set)
    logged: int = 0

    @property
    def proved(self) -> bool:
        return len(self.signs) >= self.needed and not self.signs <= LAST_SIGNS


@dataclass(slots=True)
class _Block:
    """An open panic's block."""

    since: int
    logged: int = 0
    finished: bool = False  # its ELF digest was printed, the last thing but the restart


class PanicScanner:
    """Give it lines in order; `panics` grows and its last member is filled in."""

    def __init__(self) -> None:
        self.panics: list[Panic] = []
        self.on_panic: Callable[[], None] = lambda: None  # called when one more is found
        self._block: _Block | None = None
        self._doubt: _Doubt | None = None
        self._signs: dict[str, Line] = {}  # without an opener
        self._logged = 0  # log lines since the last of them
        self._warned_at: int | None = None
        self._watchdog_aborts_at: int | None = None
        self._awaits_reason = False

    def take(self, lines: Sequence[Line]) -> None:
        for line in lines:
            if self.watching or TRIGGERS.search(line.raw):
                self._take(line)

    @property
    def watching(self) -> bool:
        """Whether every line matters now, not only those with a trigger."""
        return self._block is not None or self._doubt is not None or bool(self._signs) or self._warned_at is not None

    def reset(self, name: str, asked_for: bool) -> None:
        """The ROM told of a reset; a name of the app's own may follow with its boot event."""
        doubt = self._doubt
        cut_off = doubt is not None and (doubt.signs or all(map(ROM_BANNER.match, doubt.lines)))
        if doubt is not None and doubt.stub and cut_off and not asked_for:
            self._begin(doubt.panic)
        if self._awaits_reason and self.panics[-1].reset_reason is None:
            self.panics[-1] = replace(self.panics[-1], reset_reason=name)
        self._close()

    def boot(self, reset_reason: str) -> None:
        """A boot event was seen: the block is over, and the reset it led to has a name."""
        if self._awaits_reason:
            self.panics[-1] = replace(self.panics[-1], reset_reason=reset_reason)
        self._awaits_reason = False
        self._close()

    def add(self, panic: Panic) -> None:
        """A panic that no text of its own tells of, found by whoever watches the boots."""
        self._close()
        self.panics.append(panic)
        self._awaits_reason = True
        self.on_panic()

    def instead(self, panic: Panic) -> None:
        """In place of the last one: its cause has become clear."""
        self.panics[-1] = replace(panic, reset_reason=self.panics[-1].reset_reason)

    # ---- one line

    def _take(self, line: Line) -> None:
        text = PREFIX.sub("", line.text).rstrip(GARBAGE)
        sign = next((name for name, pattern in SIGNS.items() if pattern.search(text)), None)
        found = _opener_in(text, line.number)
        if self._block is not None and self._continues(self._block, text, sign, found, line.number):
            return
        self._forget_old(line.number)
        if WATCHDOG_WARNING.search(text):
            self._warned_at = line.number
        elif WATCHDOG_ABORTS.search(text):
            self._watchdog_aborts_at, self._warned_at = line.number, None
        if found is not None and found.needed == NEEDED_ALONE:
            self._begin(self._by_watchdog(found.panic))
        elif found is not None:
            self._doubt = found
        elif sign is not None:
            self._take_sign(sign, line, text)
        elif self._doubt is not None:
            self._age(self._doubt, text)
        elif LOGGED.match(text):
            self._logged += 1
            if self._logged > DOUBT_LOGGED_LINES:
                self._signs = {}

    def _continues(self, block: _Block, text: str, sign: str | None, found: _Doubt | None, number: int) -> bool:
        """Whether the line belongs to the open block; closes the block when it does not."""
        block.logged = block.logged + 1 if LOGGED.match(text) and not CORE_DUMP_LOG.match(text) else 0
        anew = found is not None and found.needed == NEEDED_ALONE and block.finished
        anew = anew and found is not None and found.panic.kind not in ("panic_reentered", "abort")
        if anew or block.logged >= LOGGED_LINES or number - block.since > BLOCK_LINES:
            self._close()
            return False
        self._add(text, found.panic if found else None)
        block.finished = block.finished or sign == "elf_sha256"
        if sign in LAST_SIGNS:
            self._close()
        return True

    def _by_watchdog(self, panic: Panic) -> Panic:
        """abort() after "task_wdt: Aborting." is the task watchdog's, configured to panic."""
        if panic.kind == "abort" and self._watchdog_aborts_at is not None:
            return replace(panic, kind="task_watchdog", cause="Task watchdog got triggered")
        return panic

    def _take_sign(self, sign: str, line: Line, text: str) -> None:
        if self._warned_at is not None and sign in DUMP_SIGNS:
            return
        if self._doubt is not None:
            self._doubt.signs.add(sign)
            self._doubt.lines.append(text)
            if self._doubt.proved:
                self._prove(self._doubt)
            return
        self._signs.setdefault(sign, line)
        self._logged = 0
        if len(self._signs) >= 2:
            lines = sorted(self._signs.values(), key=lambda one: one.number)
            self._begin(Panic("unknown", PREFIX.sub("", lines[0].text), lines[0].number))
            for one in lines:
                self._add(PREFIX.sub("", one.text), None)
            if sign in LAST_SIGNS:
                self._close()

    def _prove(self, doubt: _Doubt) -> None:
        self._begin(doubt.panic)
        for text in doubt.lines:
            self._add(text, None)
        if doubt.signs & LAST_SIGNS:
            self._close()

    def _age(self, doubt: _Doubt, text: str) -> None:
        if LOGGED.match(text):
            doubt.logged += 1
        elif text:
            doubt.lines.append(text)
        if doubt.logged > DOUBT_LOGGED_LINES:
            self._doubt = None

    def _forget_old(self, number: int) -> None:
        if self._doubt is not None and number - self._doubt.panic.at_line > BLOCK_LINES:
            self._doubt = None
        for sign in [sign for sign, line in self._signs.items() if number - line.number > BLOCK_LINES]:
            del self._signs[sign]
        if self._warned_at is not None and number - self._warned_at > BLOCK_LINES:
            self._warned_at = None
        if self._watchdog_aborts_at is not None and number - self._watchdog_aborts_at > BLOCK_LINES:
            self._watchdog_aborts_at = None

    # ---- the open panic

    def _begin(self, panic: Panic) -> None:
        self._close()
        self.panics.append(panic)
        self._block = _Block(panic.at_line)
        self._awaits_reason = True
        self._add(panic.text, None)
        self.on_panic()

    def _add(self, text: str, other: Panic | None) -> None:
        """What a further line of the block tells, where the panic does not know it yet."""
        known = self.panics[-1]
        found: dict[str, Any] = {}
        if other is not None:
            found = {k: v for k, v in asdict(other).items() if k not in ("kind", "text", "at_line")}
        for pattern in DETAILS:
            if match := pattern.search(text):
                found |= _fields(match)
        if match := FRAMES.search(text):
            found["backtrace"] = tuple(FRAME.findall(match.group("frames")))
        elif match := REGISTERS.search(text):
            found["backtrace"] = tuple(address for address in match.groups() if address)
        if known.dump or REGISTER_DUMP.match(text):
            self.panics[-1] = known = replace(known, dump=(*known.dump, text))
        news = {k: v for k, v in found.items() if v not in (None, ()) and getattr(known, k) in (None, ())}
        if news:
            self.panics[-1] = replace(known, **news)

    def _close(self) -> None:
        self._block = self._doubt = self._warned_at = self._watchdog_aborts_at = None
        self._signs = {}


def _opener_in(text: str, number: int) -> _Doubt | None:
    """The panic this line may begin, and how many signs must follow to believe it."""
    logged = LOGGED.match(text)
    for opener in OPENERS:
        match = opener.pattern.search(text)
        if match is None or (opener.alone and match.start() != 0):
            continue
        fields = _fields(match)
        whole = True
        if "expression" in fields and match.end() == len(text) and opener.pattern is OPENERS[0].pattern:
            fields["expression"], whole = _expression(fields["expression"])
        panic = Panic(opener.kind, text[match.start() :].strip(), number, **fields)
        needed = _needed(text[: match.start()], logged) if whole else NEEDED_WITHIN
        return _Doubt(panic, needed)
    for stub in STUBS:
        match = stub.pattern.match(text)
        if match is not None:
            return _Doubt(Panic(stub.kind, text.strip(), number, **_fields(match)), NEEDED_WITHIN, stub=True)
    return None


def _needed(before: str, logged: re.Match[str] | None) -> int:
    if not before or before[-1] in GARBAGE:
        return NEEDED_ALONE
    if logged is not None and len(before) <= logged.end():
        return NEEDED_QUOTED
    return NEEDED_ALONE if before[-1].isalnum() else NEEDED_WITHIN


def _expression(rest: str) -> tuple[str, bool]:
    """The expression out of what follows its opening bracket, and whether nothing else stands behind it."""
    rest = rest.rstrip()
    depth, end = 1, len(rest)
    for i, character in enumerate(rest):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0:
            end = i
            break
    behind = rest[end + 1 :]
    if behind and behind[0] not in "'\"":  # these: the bracket was a character of the expression
        return rest[:end], not behind[0].isspace()  # glued: another core's line; else a sentence that quotes
    return (rest[:-1] if depth == 0 and rest.endswith(")") else rest), True


def _fields(match: re.Match[str]) -> dict[str, Any]:
    found: dict[str, Any] = {k: v for k, v in match.groupdict().items() if v is not None}
    for number in ("line", "core"):
        if number in found:
            found[number] = int(found[number])
    return found


def scan(lines: Iterable[Line]) -> list[Panic]:
    """The panics whose texts stand in a finished log."""
    scanner = PanicScanner()
    scanner.take(list(lines))
    return scanner.panics
