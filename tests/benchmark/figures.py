# SPDX-License-Identifier: Apache-2.0
"""What a benchmark is: a row with our figure, the other tool's where there is one, and the goal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One line of latest.json."""

    name: str
    ours: float
    unit: str
    goal: float | None = None
    at_least: bool = False  # the goal is a lower bound
    theirs: float | None = None
    samples: int = 1

    @property
    def met(self) -> bool | None:
        if self.goal is None:
            return None
        return self.ours >= self.goal if self.at_least else self.ours <= self.goal

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"met": self.met}


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of the sorted values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
