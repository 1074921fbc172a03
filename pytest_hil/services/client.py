# SPDX-License-Identifier: Apache-2.0
"""What every client of a board's HTTP servers has in common: what it saw, how it ended, and waits on both.

A connect always succeeds on a native board, even when the board hangs: a client asserts on bytes, never on connect.
"""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from .frames import FrameCheck

# Of a client that stops reading, so that the board's sends block soon after: 4 KB of receive buffer, and segments as an
# Ethernet has them. Linux gives a sender as much of a buffer as its segments are long, and those of its loopback are so
# long that an emulator's network would take 3 MB off the board.
HOLDS_LITTLE = (
    (socket.SOL_SOCKET, socket.SO_RCVBUF, 4096),
    (socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1440),
)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a connection ended, as its client saw it."""

    how: str  # "complete", "close 1001", "eof", "reset", "refused", "left" (by the client itself), ...
    at_s: float  # seconds since the client began
    detail: str = ""


@dataclass
class ClientReport:
    """What one client saw, for the logs beside the console's."""

    kind: str
    number: int
    frames: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)
    status: int | None = None
    first_frame_s: float | None = None
    last_frame_s: float | None = None
    ending: Ending | None = None
    stalls: bool = False
    opened_s: float = 0.0  # on the clock of the log it is written beside
    arrivals: list[tuple[float, int | None]] = field(default_factory=list)  # of each frame: when, and its number

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class StreamClient:
    """Base of the clients: a thread that runs `_run` until its connection ends or `close` is called."""

    kind = "?"
    stalls = False  # whether it stops reading on purpose
    patience = 1.0  # how many times longer than asked a wait lasts: the board's time is slower

    def __init__(self, host: str, port: int, number: int = 0) -> None:
        self.host, self.port, self.number = host, port, number
        self.check = FrameCheck()
        self.status: int | None = None
        self.ending: Ending | None = None
        self.ended = threading.Event()
        self._condition = threading.Condition()
        self._began = time.monotonic()
        self._first_frame_s: float | None = None
        self._last_frame_s: float | None = None
        self._arrivals: list[tuple[float, int | None]] = []
        self._closing = False
        self._thread = threading.Thread(target=self._guarded, name=f"{self.kind} {number}", daemon=True)

    # ---- for the test

    def start(self) -> None:
        self._thread.start()

    def wait_frames(self, count: int, timeout_s: float) -> None:
        """Waits until `count` whole frames have come in all. Raises AssertionError."""
        timeout_s *= self.patience
        with self._condition:
            self._condition.wait_for(lambda: self.check.frames >= count or self.ended.is_set(), timeout_s)
            if self.check.frames < count:
                how = f"ended: {self.ending}" if self.ending else f"after {timeout_s:g} s"
                raise AssertionError(f"{self}: {self.check.frames} frames of {count} ({how}); status {self.status}")

    def wait_end(self, timeout_s: float) -> Ending:
        """Waits until the connection has ended. Raises AssertionError."""
        timeout_s *= self.patience
        if not self.ended.wait(timeout_s) or self.ending is None:
            raise AssertionError(f"{self} still open after {timeout_s:g} s, {self.check.frames} frames seen")
        return self.ending

    @property
    def ended_at(self) -> float:
        """When it ended, on the monotonic clock; endless while it has not."""
        return self._began + self.ending.at_s if self.ending else float("inf")

    def close(self) -> None:
        """Leaves, if the connection is still open, and waits for the thread."""
        self._closing = True
        self._hang_up()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def report(self, clock_began: float | None = None) -> ClientReport:
        """`clock_began`: when the clock began, on the monotonic one, that `opened_s` counts on."""
        return ClientReport(
            self.kind,
            self.number,
            self.check.frames,
            self.check.byte_count,
            list(self.check.problems),
            self.status,
            self._first_frame_s,
            self._last_frame_s,
            self.ending,
            self.stalls,
            0.0 if clock_began is None else round(self._began - clock_began, 3),
            list(self._arrivals),
        )

    def __str__(self) -> str:
        return f"{self.kind} client {self.number} of port {self.port}"

    # ---- for the kinds

    def _run(self) -> tuple[str, str]:
        """Talks until the end; returns how it ended and a detail. An OSError out of here is a reset."""
        raise NotImplementedError

    def _hang_up(self) -> None:
        """Makes `_run` return soon."""
        raise NotImplementedError

    def _now(self) -> float:
        return round(time.monotonic() - self._began, 6)

    def _take_frame(self, frame: bytes) -> None:
        with self._condition:
            self._last_frame_s = self._now()
            self._arrivals.append((round(self._last_frame_s, 3), self.check.take(frame)))
            if self._first_frame_s is None:
                self._first_frame_s = self._last_frame_s
            self._condition.notify_all()

    def _guarded(self) -> None:
        try:
            how, detail = self._run()
        except Exception as error:
            how, detail = "reset", f"{type(error).__name__}: {error}"
        if self._closing and how != "complete" and not how.startswith("close"):
            how = "left"
        with self._condition:
            self.ending = Ending(how, self._now(), detail)
            self.ended.set()
            self._condition.notify_all()


class StallingClient(StreamClient):
    """One that may stop reading after `stall_after` frames, and keeps its connection."""

    def __init__(self, host: str, port: int, number: int, stall_after: int | None) -> None:
        super().__init__(host, port, number)
        self.stall_after = stall_after
        self._resume = threading.Event()
        self.stalls = stall_after is not None
        if self.stalls:
            self.kind = f"stalled {self.kind}"

    def resume(self) -> None:
        """Goes on reading after a stall."""
        self._resume.set()

    def _stall(self) -> None:
        """Between two frames: returns at once, or when the stall is over."""
        if self.stall_after is not None and self.check.frames >= self.stall_after:
            self._resume.wait()
