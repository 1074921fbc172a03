# SPDX-License-Identifier: Apache-2.0
"""One test's record, as results.json holds it (schema 1). A field that does not apply is null."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SCHEMA = 1
OUTCOMES = ("passed", "failed", "flaky", "skipped", "not_run", "bench_error")


@dataclass
class TestRecord:
    """Filled in while a test runs, by whoever knows; written once, at its end."""

    __test__ = False  # no test class, whatever pytest thinks of the name

    id: str
    kind: str = "promise"  # promise, control, observation
    outcome: str = "not_run"
    attempts: list[dict[str, Any]] = field(default_factory=list)
    board: str | None = None
    board_kind: str | None = None
    chip_mac: str | None = None
    images: list[str] = field(default_factory=list)
    strategy: str | None = None
    stream_mode: str | None = None
    streams: dict[str, int] | None = None
    stop_ms: float | None = None
    forced_count: int | None = None
    heap_before: int | None = None
    heap_after: int | None = None
    ota_ms: float | None = None
    panics: list[dict[str, Any]] = field(default_factory=list)
    duration_s: float | None = None
    logs: list[dict[str, str]] = field(default_factory=list)
    # Beyond the contract:
    stops: list[dict[str, Any]] = field(default_factory=list)  # one a server, in the order they stopped
    heap_gained: int | None = None  # free heap after the last stop less free heap before the first
    update_s: float | None = None  # trigger published to `valid` seen, on the runner's clock
    observed: dict[str, Any] = field(default_factory=dict)  # what an observation saw
    seen: str | None = None  # the same in a few words, for the summary
    failure: str | None = None  # the first line of why
    expected_panic: dict[str, str | None] | None = None  # the one that the test announced: kind, function
    remarks: list[tuple[int, str]] = field(default_factory=list)  # on the console's bytes: see Console.remarks
    events: dict[str, str] | None = None  # log lines that count as events, where the firmware prints none of its own

    def end_attempt(self) -> None:
        """Notes the attempt that is over. One that passes after another that did not makes the test flaky; one that is
        left out after another that failed takes nothing back.
        """
        earlier = [str(attempt["outcome"]) for attempt in self.attempts]
        failed = next((outcome for outcome in ("failed", "bench_error") if outcome in earlier), None)
        self.attempts.append(
            {
                "outcome": self.outcome,
                "duration_s": self.duration_s,
                "failure": self.failure,
                "logs": self.logs,
                "remarks": self.remarks,
            }
        )
        if self.outcome == "passed" and any(outcome != "passed" for outcome in earlier):
            self.outcome = "flaky"
        elif self.outcome != "passed" and failed == "failed":
            self.outcome = "failed"  # also where the bench fails in its turn
        elif self.outcome in ("skipped", "not_run") and failed is not None:
            self.outcome = failed

    def next_attempt(self) -> TestRecord:
        """A fresh record of the same test, which knows of the attempts before."""
        return TestRecord(self.id, self.kind, attempts=self.attempts)

    def log(self, path: Path, root: Path) -> None:
        """Adds a log file, by its path below the run's folder."""
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        self.logs.append({"path": str(path.relative_to(root)), "sha256": digest})

    def write(self, folder: Path) -> None:
        """Each test has a file of its own, so that parallel workers never write the same one."""
        folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(self.id.encode()).hexdigest()[:16]
        (folder / f"{name}.json").write_text(json.dumps(asdict(self), indent=1))


def read_records(folder: Path) -> list[dict[str, Any]]:
    """All records in a folder, by test id."""
    records: Iterable[dict[str, Any]] = (json.loads(path.read_text()) for path in folder.glob("*.json"))
    return sorted(records, key=lambda record: str(record["id"]))
