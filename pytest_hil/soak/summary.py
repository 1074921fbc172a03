# SPDX-License-Identifier: Apache-2.0
"""All cycles of a run in figures: the stop time, what drifts, and the verdict."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .cycle import Cycle
from .leak import CYCLES_NEEDED, Drift, drift_of

SCHEMA = 1


def _held(name: str) -> Callable[[Cycle], float | None]:
    return lambda cycle: None if cycle.resources is None else float(getattr(cycle.resources, name))


# What must not drift, and to which side.
_FIGURES: tuple[tuple[str, int, Callable[[Cycle], float | None]], ...] = (
    ("heap_idle", -1, lambda cycle: cycle.heap_idle),
    ("heap_missing", +1, lambda cycle: cycle.heap_missing),
    *((name, +1, _held(name)) for name in ("board_fds", "board_rss_kb", "program_fds", "program_rss_kb", "tasks")),
)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so many are not above."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True)
class Summary:
    seed: int
    wanted: int
    cycles: Sequence[Cycle]
    drifts: Sequence[Drift]
    failure: str | None

    @classmethod
    def of(cls, seed: int, wanted: int, cycles: Sequence[Cycle], failure: str | None) -> Summary:
        series = {
            name: [value for cycle in cycles if (value := figure(cycle)) is not None] for name, _, figure in _FIGURES
        }
        drifts = [drift_of(name, series[name], worse) for name, worse, _ in _FIGURES if series[name]]
        return cls(seed, wanted, cycles, drifts, failure)

    @property
    def leaks(self) -> list[Drift]:
        return [drift for drift in self.drifts if drift.leaks]

    @property
    def stop_ms(self) -> dict[str, float]:
        stops = [ms for cycle in self.cycles for ms in cycle.stop_ms]
        if not stops:
            return {}
        return {"p50": percentile(stops, 0.5), "p99": percentile(stops, 0.99), "max": max(stops), "stops": len(stops)}

    @property
    def verdict(self) -> str:
        """pass, fail, or unfinished."""
        if self.failure or self.leaks:
            return "fail"
        return "pass" if len(self.cycles) >= self.wanted else "unfinished"

    @property
    def judged(self) -> bool:
        """Whether there were cycles enough to speak of leaks."""
        return len(self.cycles) >= CYCLES_NEEDED

    def as_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "seed": self.seed,
            "wanted": self.wanted,
            "cycles": len(self.cycles),
            "seconds": round(sum(cycle.seconds for cycle in self.cycles), 1),
            "stop_ms": self.stop_ms,
            "drifts": [drift.as_json() for drift in self.drifts],
            "leaks": [drift.figure for drift in self.leaks] if self.judged else None,
            "failure": self.failure,
            "verdict": self.verdict,
        }
