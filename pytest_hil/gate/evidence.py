# SPDX-License-Identifier: Apache-2.0
"""What a test's raw logs say, read anew by the rig's own scanner: events, panics, resets, how clients ended."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..console.console import Console, ExpectedPanic
from ..console.events import Event, event_patterns
from ..console.panic import Panic
from ..figures import figures
from ..verdict import complaints, first_boot_fault
from .client_log import ClientLog, client_logs
from .files import read_digested
from .reason import Refused
from .run_results import RecordedTest, Remark, SignedRun

CONSOLE, TIMES, CLIENTS = "console.log", "console.times", "clients.json"


@dataclass(frozen=True)
class Evidence:
    """One test's logs."""

    console: Console
    console_sha256: str
    times: list[float]  # when each line of the console came, in seconds since its record began
    clients: list[ClientLog]

    def events(self, name: str) -> list[Event]:
        return self.console.events_named(name)

    def at_s(self, event: Event) -> float:
        """When the runner received it; never, where the log's times end before it."""
        return self.times[event.at_line] if event.at_line < len(self.times) else float("inf")

    def booted_s(self, event: Event) -> float:
        """When the board began the life in which the event was; at the beginning, where its first lines were lost."""
        return max((self.at_s(boot) for boot in self.boots if boot.boot == event.boot), default=float("-inf"))

    def life_at(self, line: int) -> int | None:
        """Which boot's that line is; None before the first that is seen."""
        return next((boot.boot for boot in reversed(self.boots) if boot.at_line <= line), None)

    def begin_of(self, stop_end: Event) -> Event | None:
        """Where that stop began."""
        begins = [begin for begin in self.events("stop_begin") if same_stop(begin, stop_end)]
        return begins[-1] if begins else None

    @property
    def boots(self) -> list[Event]:
        return self.events("boot")

    @property
    def digests(self) -> list[str]:
        """Of the image, at each boot."""
        return [str(boot.get("image_sha256")) for boot in self.boots]

    @property
    def panics(self) -> list[Panic]:
        return self.console.panics

    def wrong_beside(self, expected: Panic | None) -> list[str]:
        """What the rig complains of in such a log, forgiving that one panic."""
        self.console.expected = ExpectedPanic(expected.function, expected.kind) if expected else None
        return complaints(self.console)

    def figures(self) -> dict[str, Any]:
        """The record's fields, computed anew."""
        return figures(self.console)


def same_stop(begin: Event, end: Event) -> bool:
    """Whether these may be the two ends of one."""
    same_server = begin.boot == end.boot and begin.get("server") == end.get("server")
    return same_server and begin.at_line < end.at_line


def read_evidence(run: SignedRun, test: RecordedTest) -> Evidence:
    """Raises Refused with the first log that cannot be used."""
    contents: dict[str, bytes] = {}
    digests: dict[str, str] = {}
    for log in test.logs:
        name = log.path.rpartition("/")[2]
        if name in contents:
            raise Refused(f"two logs are named {name}")
        contents[name] = read_digested(run.directory, log.path, log.sha256)
        digests[name] = log.sha256
    if CONSOLE not in contents:
        raise Refused(f"it has no {CONSOLE}: nothing shows what its board did")
    if TIMES not in contents:
        raise Refused(f"it has no {TIMES}")
    clients = client_logs(contents[CLIENTS]) if CLIENTS in contents else []
    console = _replayed(contents[CONSOLE], test, test.remarks)
    return Evidence(console, digests[CONSOLE], _times(contents[TIMES]), clients)


def lives_of(digest: str | None, evidence: Evidence) -> set[int]:
    """Boots in which that image ran; none where there is no such image."""
    return set() if digest is None else {boot.boot for boot in evidence.boots if boot.get("image_sha256") == digest}


def attempts_panics(run: SignedRun, test: RecordedTest) -> Iterator[list[str]]:
    """In words, of each attempt, also those that did not pass. Raises Refused."""
    for attempt in test.attempts:
        consoles = [log for log in attempt.logs if log.path.rpartition("/")[2] == CONSOLE]
        logs = [
            _replayed(read_digested(run.directory, log.path, log.sha256), test, attempt.remarks) for log in consoles
        ]
        yield [told for log in logs for told in (*map(str, log.panics), *first_boot_fault(log))]


def _replayed(content: bytes, test: RecordedTest, remarks: Sequence[Remark]) -> Console:
    """As a live console that got these bytes; it writes nothing down."""
    try:
        patterns = event_patterns(test.events or {})
    except re.error as error:
        raise Refused(f"its patterns of events cannot be used: {error}") from None
    console = Console(Path(os.devnull), patterns=patterns)
    console.replay(content, remarks)
    console.end("the log ends")
    return console


def _times(content: bytes) -> list[float]:
    try:
        times = [float(line) for line in content.decode("ascii").splitlines()]
    except ValueError:
        times = [math.nan]
    if not all(map(math.isfinite, times)):
        raise Refused(f"{TIMES} is no list of times")
    return times
