# SPDX-License-Identifier: Apache-2.0
"""The folder of one run: build/hil/<run>/, with build/hil/latest pointing at the newest."""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUNS = Path("build") / "hil"


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

    def test_folder(self, test_id: str, attempt: int = 1) -> Path:
        """A folder for a test's logs with a name a person can read; a test that is run again gets another."""
        name = re.sub(r"[^A-Za-z0-9._+-]+", "-", test_id.rpartition("/")[2]).strip("-")
        folder = self.path / (name[:150] if attempt == 1 else f"{name[:150]}-attempt-{attempt}")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def note_collected(self, kinds: dict[str, str]) -> None:
        """Which tests were to run, each with its kind: those without a record were not."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.collected.write_text(json.dumps(kinds))

    def read_collected(self) -> dict[str, str]:
        try:
            kinds: dict[str, str] = json.loads(self.collected.read_text())
        except FileNotFoundError:
            return {}
        return kinds

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
