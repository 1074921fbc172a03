# SPDX-License-Identifier: Apache-2.0
"""Whether a figure drifts from cycle to cycle: the regression test that `hil soak` decides by.

A least-squares line is laid through each half of the run, the first tenth left out (caches fill, pools grow). A leak is
a slope to the worse side of more than `SIGNIFICANT` standard errors in *both* halves: a leak goes on, while a step (an
arena that grew once) is in one half only. With fewer than `CYCLES_NEEDED` cycles nothing is said.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

WARM_UP = 0.1  # share of the run
SIGNIFICANT = 3.29  # standard errors: two-sided 99.9 %; both halves by chance is below one in a million
CYCLES_NEEDED = 30


@dataclass(frozen=True, slots=True)
class Slope:
    """Of one half; per cycle, in the figure's own unit."""

    per_cycle: float
    error: float  # standard error

    def worse(self, sign: int) -> bool:
        return sign * self.per_cycle > SIGNIFICANT * self.error + 1e-12


@dataclass(frozen=True, slots=True)
class Drift:
    """The finding for one figure."""

    figure: str
    halves: tuple[Slope, ...]  # empty: too few cycles
    leaks: bool

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def slope_of(values: Sequence[float]) -> Slope:
    """Least squares over 0, 1, 2, …; at least three values."""
    count = len(values)
    mid, mean = (count - 1) / 2, sum(values) / count
    spread = sum((x - mid) ** 2 for x in range(count))
    slope = sum((x - mid) * (value - mean) for x, value in enumerate(values)) / spread
    residue = sum((value - mean - slope * (x - mid)) ** 2 for x, value in enumerate(values))
    return Slope(slope, math.sqrt(residue / (count - 2) / spread))


def drift_of(figure: str, values: Sequence[float], worse: int) -> Drift:
    """`worse`: +1 for what must not grow, -1 for what must not shrink."""
    if len(values) < CYCLES_NEEDED:
        return Drift(figure, (), leaks=False)
    settled = values[int(len(values) * WARM_UP) :]
    half = len(settled) // 2
    halves = (slope_of(settled[:half]), slope_of(settled[half:]))
    return Drift(figure, halves, leaks=all(one.worse(worse) for one in halves))
