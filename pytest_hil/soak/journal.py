# SPDX-License-Identifier: Apache-2.0
"""What a soak leaves behind while it runs: a line a cycle, so that a run that ended in whatever way can be resumed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from .cycle import Cycle
from .plot import plot
from .summary import Summary

_HEAD, _CYCLES, _SUMMARY, _PLOT = "run.json", "cycles.jsonl", "soak.json", "soak.svg"


@dataclass(frozen=True)
class Journal:
    """The folder of one soak."""

    folder: Path
    seed: int
    wanted: int  # cycles
    first: int = 0  # number of the first

    @classmethod
    def begin(cls, folder: Path, seed: int, wanted: int, first: int = 0) -> Journal:
        folder.mkdir(parents=True, exist_ok=True)
        journal = cls(folder, seed, wanted, first)
        journal._write_head()
        return journal

    @classmethod
    def resume(cls, folder: Path, wanted: int | None) -> Journal:
        """Of an earlier run; `wanted` may raise its number of cycles. Raises UsageError."""
        try:
            head = json.loads((folder / _HEAD).read_text())
            journal = cls(folder, int(head["seed"]), int(wanted or head["wanted"]), int(head["first"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{folder} holds no soak that could be resumed: {error}") from None
        journal._write_head()
        return journal

    def _write_head(self) -> None:
        (self.folder / _HEAD).write_text(
            json.dumps({"seed": self.seed, "wanted": self.wanted, "first": self.first}) + "\n"
        )

    def cycles(self) -> list[Cycle]:
        """Those that were finished. A line that was being written when the run ended counts as not run."""
        found: list[Cycle] = []
        path = self.folder / _CYCLES
        if not path.is_file():
            return found
        for line in path.read_text().splitlines():
            try:
                found.append(Cycle.from_json(json.loads(line)))
            except (ValueError, TypeError):
                break
        path.write_text("".join(json.dumps(cycle.as_json()) + "\n" for cycle in found))
        return found

    def add(self, cycle: Cycle) -> None:
        with (self.folder / _CYCLES).open("a") as out:
            out.write(json.dumps(cycle.as_json()) + "\n")

    def finish(self, cycles: Sequence[Cycle], failure: str | None) -> Summary:
        """Writes summary and plot."""
        summary = Summary.of(self.seed, self.wanted, cycles, failure)
        (self.folder / _SUMMARY).write_text(json.dumps(summary.as_json(), indent=1) + "\n")
        (self.folder / _PLOT).write_text(plot(cycles))
        return summary
