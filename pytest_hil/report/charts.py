# SPDX-License-Identifier: Apache-2.0
"""The figures behind the page's charts: how stop times are distributed, and how runs went over time.

Positions are in percent, so that a chart is as wide as there is room; the template draws.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..results.history import Result, Run
from .matrix import clients_of

TREND_RUNS = 30
ROWS = 40
SPARK_WIDTH, SPARK_HEIGHT = 120, 22  # pixels


@dataclass(frozen=True)
class Strip:
    """The stop times of one scenario."""

    name: str
    clients: str
    now: tuple[float, ...]  # positions of this run's
    past: tuple[float, ...]  # of earlier runs'
    middle: float  # position of the median
    p50: float  # ms
    p99: float  # ms, nearest rank
    count: int
    spark: str  # the median of each run, as a polyline's points
    last: tuple[float, float] | None  # its newest point


@dataclass(frozen=True)
class Distributions:
    strips: tuple[Strip, ...]
    ticks: tuple[tuple[float, str], ...]  # position, label
    left_out: int


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def distributions(tests: Sequence[Mapping[str, Any]], past: Sequence[Result]) -> Distributions:
    """Of the stops in promises that passed, on a logarithmic axis; the slowest scenario first."""
    groups: dict[tuple[str, str], list[float]] = {}
    group_of: dict[str, tuple[str, str]] = {}
    for test in tests:
        if test["strategy"] and test["stop_ms"] and (test["kind"], test["outcome"]) == ("promise", "passed"):
            key = (" ".join(filter(None, (test["strategy"], test.get("stream_mode")))), clients_of(test))
            group_of[test["id"]] = key
            groups.setdefault(key, []).append(float(test["stop_ms"]))
    earlier: dict[tuple[str, str], dict[int, list[float]]] = {}
    for result in past:
        if result.test in group_of and result.outcome == "passed" and result.stop_ms:
            earlier.setdefault(group_of[result.test], {}).setdefault(result.run, []).append(result.stop_ms)
    everything = [ms for values in groups.values() for ms in values]
    everything += [ms for runs in earlier.values() for values in runs.values() for ms in values]
    if not everything:
        return Distributions((), (), 0)
    axis = _Axis(min(everything), max(everything))
    ranked = sorted(groups.items(), key=lambda item: (-percentile(item[1], 0.99), item[0]))
    strips = [_strip(key, values, earlier.get(key, {}), axis) for key, values in ranked[:ROWS]]
    return Distributions(tuple(strips), axis.ticks, max(len(ranked) - ROWS, 0))


class _Axis:
    """Milliseconds to percent."""

    def __init__(self, least: float, most: float) -> None:
        self._low = math.floor(math.log10(max(least, 1)))
        self._high = max(math.ceil(math.log10(max(most, 1))), self._low + 1)

    def at(self, ms: float) -> float:
        share = (math.log10(max(ms, 1)) - self._low) / (self._high - self._low)
        return round(100 * share, 1)

    @property
    def ticks(self) -> tuple[tuple[float, str], ...]:
        powers = range(self._low, self._high + 1)
        return tuple(
            (self.at(10**power), f"{10**power} ms" if power < 3 else f"{10 ** (power - 3)} s") for power in powers
        )


def _strip(key: tuple[str, str], values: Sequence[float], runs: Mapping[int, Sequence[float]], axis: _Axis) -> Strip:
    medians = [*[statistics.median(runs[run]) for run in sorted(runs)][-TREND_RUNS + 1 :], statistics.median(values)]
    spark = _spark(medians)
    past = {axis.at(ms) for run in runs.values() for ms in run}
    return Strip(
        *key,
        tuple(sorted({axis.at(ms) for ms in values})),
        tuple(sorted(past)),
        axis.at(statistics.median(values)),
        statistics.median(values),
        percentile(values, 0.99),
        len(values),
        " ".join(f"{x:g},{y:g}" for x, y in spark),
        spark[-1] if spark else None,
    )


def _spark(values: Sequence[float]) -> list[tuple[float, float]]:
    """From 0 up, so that noise looks like noise. Nothing for a single value."""
    if len(values) < 2:
        return []
    top = max(values) * 1.1 or 1.0
    step = (SPARK_WIDTH - 6) / (len(values) - 1)
    return [
        (round(3 + i * step, 1), round(SPARK_HEIGHT - 2 - (SPARK_HEIGHT - 4) * v / top, 1))
        for i, v in enumerate(values)
    ]


@dataclass(frozen=True)
class Bar:
    """One run among the newest."""

    run: Run
    passed: float  # heights in percent of the tallest
    failed: float
    duration: float


def bars(runs: Sequence[Run]) -> list[Bar]:
    most = max([run.tests for run in runs], default=0) or 1
    longest = max([run.duration_s for run in runs], default=0.0) or 1.0
    return [
        Bar(
            run,
            round(100 * (run.tests - run.failed) / most, 1),
            round(100 * run.failed / most, 1),
            round(100 * run.duration_s / longest, 1),
        )
        for run in runs
    ]
