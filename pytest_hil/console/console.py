# SPDX-License-Identifier: Apache-2.0
"""A board's console as tests use it: the record, and what its lines mean (events, resets, panics), kept up to date.

Whatever waits here gives up at once when a panic comes that the test did not announce, or when the source ends.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .decoding import decoded
from .events import Event, EventPattern
from .log_reader import LogReader
from .panics import Panic
from .record import ConsoleRecord
from .resets import Reset

RESET_ASKED, BYTES_LOST = "reset_asked", "bytes_lost"
LIBRARY = "/lwip/"  # in the path of each of lwIP's files


@dataclass(frozen=True, slots=True)
class ExpectedPanic:
    """The one panic a control test announces. None matches anything.

    A function of lwIP's is seen too when a Guru Meditation is decoded into lwIP: on a chip what overwrote its memory
    decides whether an assert meets it first or the processor does.
    """

    function: str | None = None
    kind: str | None = None

    def matches(self, panic: Panic) -> bool:
        in_function = self.function in (None, panic.function) or (self._may_be(panic) and _is_in_lwip(panic))
        return in_function and self.kind in (None, panic.kind)

    def may_match(self, panic: Panic) -> bool:
        """Whether it does can be told only when its backtrace is whole and decoded."""
        return self.matches(panic) or (self._may_be(panic) and self.kind in (None, panic.kind))

    def _may_be(self, panic: Panic) -> bool:
        return panic.kind == "guru_meditation" and (self.function or "").startswith("lwip_")

    def __str__(self) -> str:
        return f"{self.kind or 'a panic'} in {self.function or 'any function'}"


def _is_in_lwip(panic: Panic) -> bool:
    return any(LIBRARY in (frame.file or "") for frame in panic.frames)


class Console:
    """Give its `feed` and `end` to a board; ask it everything else."""

    def __init__(
        self,
        log_path: Path,
        expected: ExpectedPanic | None = None,
        patterns: Sequence[EventPattern] = (),
        patience: float = 1.0,
    ) -> None:
        self.expected = expected
        self.patience = patience  # how many times longer than asked a wait lasts: the board's time is slower
        self.elf_of: Callable[[str], Path | None] = lambda _: None  # by image_sha256
        self._read = LogReader(patterns)
        self._events, self._panics = self._read.events, self._read.panics
        self.record = ConsoleRecord(log_path, self._read.take, self._read.lost)
        self.feed = self.record.feed
        self.end = self.record.end
        self.fail = self.record.fail
        self.remarks: list[tuple[int, str]] = []  # what the bytes do not tell: after how many of them, and what

    def reset_asked(self) -> None:
        """The rig is about to reset the board: its next boot is no fault, whatever reason it gives."""
        with self.record.condition:
            self.remarks.append((self.record.bytes_received, RESET_ASKED))
            self._read.reset_asked()

    def lost(self) -> None:
        """Bytes may have been lost here, by the bench."""
        with self.record.condition:
            self.remarks.append((self.record.bytes_received, BYTES_LOST))
            self.record.lost()

    def replay(self, content: bytes, remarks: Sequence[tuple[int, str]]) -> None:
        """Takes a log whole, with what was remarked on it when it was received."""
        at = 0
        for place, remark in sorted(remarks):
            self.feed(content[at:place])
            at = max(at, place)
            self.reset_asked() if remark == RESET_ASKED else self.lost()
        self.feed(content[at:])

    # ---- what was seen

    @property
    def events(self) -> list[Event]:
        with self.record.condition:
            return list(self._events.events)

    def events_named(self, name: str, since: int = 0, **where: Any) -> list[Event]:
        """All events of that name from line `since` on whose fields have the values of `where`."""
        with self.record.condition:
            first = bisect_left(self._events.events, since, key=_line_of)
            return [event for event in self._events.events[first:] if _fits(event, name, since, where)]

    @property
    def event_problems(self) -> list[str]:
        """Lost or unreadable events."""
        with self.record.condition:
            return list(self._events.problems)

    @property
    def panics(self) -> list[Panic]:
        with self.record.condition:
            return list(self._panics.panics)

    @property
    def decoded_panics(self) -> list[Panic]:
        """With the frames of each, where the ELF of the image that ran is at hand."""
        return [self._decoded(panic) for panic in self.panics]

    def elf_at(self, at_line: int) -> Path | None:
        """Of the image that ran when that line was printed, where it is at hand."""
        boots = [event for event in self.events_named("boot") if event.at_line <= at_line]
        return self.elf_of(str(boots[-1].get("image_sha256"))) if boots else None

    def _decoded(self, panic: Panic) -> Panic:
        elf = self.elf_at(panic.at_line) if panic.backtrace else None
        return decoded(panic, elf) if elf is not None else panic

    @property
    def resets(self) -> list[Reset]:
        with self.record.condition:
            return list(self._read.resets)

    @property
    def unexpected_panics(self) -> list[Panic]:
        """Every panic but the one announced, or one that may still turn out to be it."""
        return _without_first(self.panics, self.expected.may_match if self.expected else None)

    @property
    def unexpected_decoded_panics(self) -> list[Panic]:
        """Every panic but the one announced, with their frames; takes the time of a decoder."""
        return _without_first(self.decoded_panics, self.expected.matches if self.expected else None)

    @property
    def began_in_the_middle(self) -> bool:
        """Whether the board's first lines were lost before they could be received: its first event is not number 0."""
        first = next(iter(self.events), None)
        return first is not None and not first.mapped and first.n > 0

    # ---- waiting

    def wait_ready(self, timeout_s: float) -> Event | None:
        """The first `ready`; None as soon as it is clear that the first lines, maybe `ready` among them, were lost.

        The one wait without patience: how long a board may take to its `ready` is a setting of its own.
        """

        def look() -> tuple[Event | None] | None:
            ready = next(iter(self.events_named("ready")), None)
            return (ready,) if ready or self.began_in_the_middle else None

        return self.record.wait(look, "event 'ready'", timeout_s, self._unexpected_panic)[0]

    def mark(self) -> int:
        return self.record.mark()

    def wait_line(self, pattern: str, timeout_s: float, since: int = 0) -> str:
        """The first line from `since` on that matches; raises WaitFailed."""
        return self.record.wait_line(pattern, timeout_s * self.patience, since).string

    def wait_event(
        self,
        name: str,
        timeout_s: float,
        since: int = 0,
        such: Callable[[Event], bool] | None = None,
        **where: Any,
    ) -> Event:
        """The first event of that name from line `since` on that fits; raises WaitFailed.

        `where` gives values that fields must have, `such` any other condition.
        """

        with self.record.condition:
            seen = bisect_left(self._events.events, since, key=_line_of)

        def look() -> Event | None:
            nonlocal seen
            news, seen = self._events.events[seen:], len(self._events.events)
            return next((e for e in news if _fits(e, name, since, where) and (such is None or such(e))), None)

        wanted = f"event {name!r}" + "".join(f", {field}={value!r}" for field, value in where.items())
        return self.record.wait(look, wanted, timeout_s * self.patience, self._unexpected_panic)

    def wait_without(self, name: str, seconds: float, since: int = 0) -> None:
        """Lets that time pass; raises AssertionError when the event comes, a panic does, or the source ends."""

        def look() -> str | None:
            came = next((event for event in self._events.events if _fits(event, name, since, {})), None)
            return f"event {name!r} came: {came}" if came else self.record.ended or self._unexpected_panic()

        with self.record.condition:
            if why := self.record.condition.wait_for(look, seconds):
                raise AssertionError(f"{why}; log: {self.record.log_path}")

    def wait_reset(self, timeout_s: float, since: int) -> bool:
        """Waits for a reset, as ROM or app tell of one after line `since`; whether it came."""

        def came() -> bool:
            return any(reset.at_line > since for reset in self._read.resets) or any(
                _fits(event, "boot", since, {}) for event in self._events.events
            )

        with self.record.condition:
            self.record.condition.wait_for(lambda: came() or self.record.ended, timeout_s * self.patience)
            return came()

    def wait_panic(self, timeout_s: float, such: Callable[[Panic], object] = bool) -> Panic:
        """The first panic that fits, expected or not; raises WaitFailed."""
        look: Callable[[], Panic | None] = lambda: next(filter(such, self._panics.panics), None)  # noqa: E731
        return self.record.wait(look, "a panic", timeout_s * self.patience)

    def _unexpected_panic(self) -> str | None:
        unexpected = self.unexpected_panics
        return f"a panic came: {unexpected[0]}" if unexpected else None


def _without_first(panics: list[Panic], such: Callable[[Panic], bool] | None) -> list[Panic]:
    first = next((i for i, panic in enumerate(panics) if such is not None and such(panic)), None)
    return [panic for i, panic in enumerate(panics) if i != first]


def _line_of(event: Event) -> int:
    return event.at_line


def _fits(event: Event, name: str, since: int, where: Mapping[str, Any]) -> bool:
    return event.name == name and event.at_line >= since and all(event.get(k) == v for k, v in where.items())
