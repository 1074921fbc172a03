# SPDX-License-Identifier: Apache-2.0
"""The append-only record of what a board sent: the bytes on disk as received, the lines with their times, and waits.

A wait never consumes: two waits may see the same line, and each can look back to any mark. The end of the source (a
process that died, a port that vanished) ends every wait at once. What the lines mean is not known here.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..printable import printable

T = TypeVar("T")

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])")
_LINE_END = re.compile(rb"\r*\n\r*(?!\r*\n)|\r*\n|\r+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_LEADING_RETURNS = re.compile(rb"\A\r+(?!\r*\n)")
LINE_MAX = 1 << 20  # bytes; a longer line is taken for several, so that one that never ends needs no more memory
SHOWN_LINES = 15  # how many of the last lines a failed wait tells
SHOWN_BYTES = 1024  # of one that is not finished


class WaitFailed(AssertionError):  # noqa: N818  it is what a test reports, not a fault of the rig
    """What was waited for did not come: in time, or at all because the source ended or a panic came first."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line as received, without its line end."""

    number: int  # from 0
    at_s: float  # when its last byte arrived, seconds since the record began
    raw: bytes

    @property
    def text(self) -> str:
        """Readable form: decoded, without colours and whatever else would steer a terminal or a report."""
        text = self.raw.decode("utf-8", "replace")
        if text.isprintable():
            return text
        return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", _ANSI.sub("", text))


class ConsoleRecord:
    """Fed by one thread, read by any. `condition` guards all that follows it."""

    def __init__(
        self,
        log_path: Path,
        on_lines: Callable[[Sequence[Line]], None] | None = None,
        on_lost: Callable[[Sequence[Line]], None] | None = None,
    ) -> None:
        log_path.parent.mkdir(parents=True, exist_ok=True)
        self.log_path = log_path
        self.condition = threading.Condition()
        self._on_lines = on_lines
        self._on_lost = on_lost or on_lines
        self._log = log_path.open("wb", buffering=0)
        self._started = time.monotonic()
        self._lines: list[Line] = []
        self._tail = bytearray()  # of an unfinished line; carriage returns only at its end
        self._bytes = 0
        self._ended: str | None = None
        self.fault: str | None = None  # of the bench: why nothing more will come, or be kept

    # ---- the feeding side

    def feed(self, data: bytes) -> None:
        """Takes bytes in any pieces. The log on disk grows by exactly these bytes; when it cannot, the record ends."""
        with self.condition:
            if self._ended is not None:
                return
            try:
                self._write(data)
            except OSError as error:
                self.fail(f"the log {self.log_path} cannot be written: {error.strerror}")
                return
            self._bytes += len(data)
            if finished := self._finished(data):
                self._take(split_lines(finished), self._on_lines)
            self.condition.notify_all()

    def _write(self, data: bytes) -> None:
        """A disk that is nearly full takes a part and says so the next time."""
        while data:
            data = data[self._log.write(data) :]

    def lost(self) -> None:
        """Bytes may have been lost here: what was begun is a line of its own, and whatever follows begins another."""
        with self.condition:
            cut = split_lines(bytes(self._tail).rstrip(b"\r") + b"\n") if self._tail else []
            self._tail.clear()
            self._take(cut, self._on_lost)
            self.condition.notify_all()

    def fail(self, reason: str) -> None:
        """As `end`, where the bench is at fault."""
        with self.condition:
            if self._ended is None:
                self.fault = reason
            self.end(reason)

    def end(self, reason: str) -> None:
        """Says that nothing more will come, and why; wakes every wait. Later calls change nothing."""
        with self.condition:
            if self._ended is not None:
                return
            if self._tail:
                self._take(split_lines(bytes(self._tail).rstrip(b"\r") + b"\n"), self._on_lines)
                self._tail.clear()
            self._ended = reason
            self._log.close()
            self.condition.notify_all()

    def reset_asked(self) -> None:
        """What lines mean is not known here, so no more is what a reset means."""

    def _finished(self, data: bytes) -> bytes:
        """What the new bytes finish: all up to the last newline, or the last carriage return whose next byte is known
        (before that it may be the first half of a line end). Looks at the new bytes only: a line may be long."""
        tail = self._tail
        start = len(tail) - 1 if tail.endswith(b"\r") else len(tail)
        tail += data
        cut = tail.rfind(b"\n", start) + 1
        end = len(tail)
        while end > start and tail[end - 1] == 0x0D:
            end -= 1
        cut = max(cut, tail.rfind(b"\r", max(cut, start), end) + 1)
        finished = bytes(tail[:cut])
        del tail[:cut]
        if len(tail) > LINE_MAX and (body := len(tail.rstrip(b"\r"))) > LINE_MAX:
            begun = (body - 1) // LINE_MAX * LINE_MAX
            finished += tail[:begun] + b"\n"
            del tail[:begun]
        return finished

    def _take(self, raws: Sequence[bytes], tell: Callable[[Sequence[Line]], None] | None) -> None:
        now = self.age_s
        first = len(self._lines)
        new = [Line(first + i, now, raw) for i, raw in enumerate(raws)]
        self._lines.extend(new)
        if tell is not None:
            tell(new)

    # ---- the reading side

    @property
    def ended(self) -> str | None:
        """Why the source ended, or None while it lives."""
        return self._ended

    @property
    def began(self) -> float:
        """When the record began, on the monotonic clock."""
        return self._started

    @property
    def bytes_received(self) -> int:
        return self._bytes

    @property
    def lines(self) -> list[Line]:
        """All complete lines so far, as a copy."""
        with self.condition:
            return list(self._lines)

    def mark(self) -> int:
        """The number of the next line: pass it as `since` to look only at what comes after now."""
        with self.condition:
            return len(self._lines)

    def wait_line(self, pattern: str | re.Pattern[str], timeout_s: float, since: int = 0) -> re.Match[str]:
        """Waits for a line that `pattern` matches anywhere, looking back to line `since`.

        Raises WaitFailed when none comes in time or the source ends first.
        """
        regex = re.compile(pattern)
        position = since

        def look() -> re.Match[str] | None:
            nonlocal position
            for line in self._lines[position:]:
                if match := regex.search(line.text):
                    return match
            position = max(position, len(self._lines))
            return None

        return self.wait(look, f"a line matching {regex.pattern!r}", timeout_s)

    def wait(
        self, look: Callable[[], T | None], what: str, timeout_s: float, stop: Callable[[], str | None] | None = None
    ) -> T:
        """Waits until `look` (called under the condition) gives something.

        `stop` may name a reason to give up early. Raises WaitFailed with the whole story.
        """
        started = time.monotonic()
        deadline = started + timeout_s
        with self.condition:
            while True:
                found = look()
                if found is not None:
                    return found
                why = self._ended or (stop() if stop is not None else None)
                remaining = deadline - time.monotonic()
                if why is not None or remaining <= 0:
                    raise WaitFailed(self._story(what, time.monotonic() - started, timeout_s, why))
                self.condition.wait(remaining)

    @property
    def age_s(self) -> float:
        """Seconds since it began: now, on the clock of `Line.at_s`."""
        return time.monotonic() - self._started

    def linger(self, seconds: float) -> None:
        """Lets that time pass, or less when the source ends: what was about to be said shall be heard."""
        with self.condition:
            self.condition.wait_for(lambda: self._ended is not None, seconds)

    def _story(self, what: str, waited_s: float, timeout_s: float, why: str | None) -> str:
        reason = f"gave up early: {why}" if why else "time is up"
        last = (
            "\n".join(f"  {line.at_s:9.3f}  {printable(line.text)}" for line in self._lines[-SHOWN_LINES:])
            or "  (no line at all)"
        )
        if self._tail:
            last += f"\n  (unfinished) {bytes(self._tail[-SHOWN_BYTES:])!r}"
        story = f"waited {waited_s:.2f} s of {timeout_s:g} s for {what}; {reason}"
        return f"{story}\nlast lines:\n{last}\nlog: {self.log_path}"


def split_lines(finished: bytes) -> list[bytes]:
    """The lines of text that ends with a line end: `\\n` with carriage returns on either side, or these alone. However
    the bytes were cut into reads, the lines are the same."""
    if b"\r" in finished:
        finished = finished.replace(b"\r\n", b"\n")
        if b"\r" in finished:
            finished = _LINE_END.sub(b"\n", _LEADING_RETURNS.sub(b"", finished))
    lines = finished.split(b"\n")
    lines.pop()
    if len(finished) > LINE_MAX:
        return [line[at : at + LINE_MAX] for line in lines for at in range(0, max(len(line), 1), LINE_MAX)]
    return lines
