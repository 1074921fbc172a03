# SPDX-License-Identifier: Apache-2.0
"""The folder of one run: build/hil/<run>/, with build/hil/latest pointing at the newest."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUNS = Path("build") / "hil"
NAME_MAX = 150  # characters
_LOST = re.compile(
    r"[^A-Za-z0-9._+:\[\], -]"
)  # what, beside the usual punctuation of a test's id, is not in its folder's name


@dataclass(frozen=True)
class RunDir:
    """Where everything of one run goes. Made on first use, by whichever worker is first."""

    path: Path

    @classmethod
    def new(cls, root: Path) -> RunDir:
        """A name that no other run has, also when two start in the same second."""
        return cls(root / RUNS / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}")

    @property
    def records(self) -> Path:
        return self.path / "records"

    @property
    def results(self) -> Path:
        return self.path / "results.json"

    @property
    def collected(self) -> Path:
        return self.path / "collected.json"

    @property
    def left_out(self) -> Path:
        return self.path / "left_out.json"

    @property
    def begun(self) -> bool:
        """Whether there were boards' tests to run: then there must be results."""
        return self.records.is_dir() or self.collected.is_file()

    def test_folder(self, test_id: str, attempt: int = 1) -> Path:
        """A folder for a test's logs with a name a person can read, and that no other test's has; a test that is run
        again gets another.
        """
        file, _, test = test_id.partition("::")
        readable = f"{file.rpartition('/')[2]}-{test}".strip("-")
        name = re.sub(r"[^A-Za-z0-9._+-]+", "-", readable).strip("-.")[:NAME_MAX]
        if len(readable) > NAME_MAX or _LOST.search(test):
            name += "-" + hashlib.sha256(test_id.encode()).hexdigest()[:8]
        folder = self.path / (name if attempt == 1 else f"{name}-attempt-{attempt}")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def note_collected(self, kinds: dict[str, str]) -> None:
        """Which tests were to run, each with its kind: those without a record were not."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.collected.write_text(json.dumps(kinds))

    def read_collected(self) -> dict[str, str]:
        try:
            kinds: dict[str, str] = json.loads(self.collected.read_text())
        except (FileNotFoundError, ValueError):  # cut off, where the disk was full
            return {}
        return kinds

    def note_left_out(self, left_out: dict[str, Any]) -> None:
        """Which tests are not for these images, and why."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.left_out.write_text(json.dumps(left_out))

    def read_left_out(self) -> dict[str, Any] | None:
        try:
            left_out: dict[str, Any] = json.loads(self.left_out.read_text())
        except (FileNotFoundError, ValueError):  # cut off, where the disk was full
            return None
        return left_out

    def point_latest(self) -> None:
        """Makes `latest` name this run, in one step, so that nobody ever finds it missing."""
        latest = self.path.parent / "latest"
        fresh = self.path.parent / f".latest-{os.getpid()}"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(self.path.name)
        fresh.replace(latest)

    def read_results(self) -> dict[str, Any]:
        results: dict[str, Any] = json.loads(self.results.read_text())
        return results
