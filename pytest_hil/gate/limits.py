# SPDX-License-Identifier: Apache-2.0
"""Figures of all promises against the policy's limits: stop times, heap, update time, how many tests were flaky.

What the image in the field (`previous`) did before its update is none of the candidate's figures.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..console.events import Event
from .evidence import lives_of
from .policy import Boards, matches
from .reason import Margin
from .scenario_check import Checked


@dataclass(frozen=True, order=True)
class Figure:
    """One measurement, and where it was made."""

    value: float
    at: str


def percentile(figures: Sequence[Figure], share: float) -> Figure | None:
    """By the nearest rank: the least figure that so large a share of them does not exceed. Of few it is the largest."""
    ranked = sorted(figures)
    return ranked[max(math.ceil(share * len(ranked)), 1) - 1] if ranked else None


def margins(name: str, boards: Boards, disturbed: Sequence[str], checked: Sequence[Checked]) -> Iterator[Margin]:
    """`checked`: the scenarios of one kind of board. Figures are taken from clean promises, the share of all; heap and
    update time not where a pattern of `disturbed` says that the network was.
    """
    limits = boards.limits
    promises = [one for one in checked if one.evidence and one.test.kind == "promise"]
    stops = [stop for one in promises for stop in stop_times(one)]
    unforced = [figure for figure, forced in stops if not forced]
    calm = [one for one in promises if not any(matches(pattern, one.test.id) for pattern in disturbed)]
    heap = [figure for one in calm for figure in heap_missing(one)]
    updates = [figure for one in calm for figure in update_times(one)]
    for what, limit, figure, unit in (
        ("stop, p99", limits.stop_p99_ms, percentile([figure for figure, _ in stops], 0.99), "ms"),
        ("stop that forced nobody, p99", limits.unforced_stop_p99_ms, percentile(unforced, 0.99), "ms"),
        ("heap not free again", limits.heap_missing_bytes, max(heap, default=None), "bytes"),
        ("update, longest", limits.ota_max_ms, max(updates, default=None), "ms"),
    ):
        value, at = (figure.value, figure.at) if figure else (None, "")
        yield Margin(f"{name}: {what}", limit, value, unit, at)
    ran = [one for one in checked if one.test.attempts]
    flaky = [one for one in ran if one.test.outcome == "flaky"]
    share = len(flaky) / len(ran) if ran else None
    yield Margin(f"{name}: flaky share", limits.flaky_share, share, "", flaky[0].test.id if flaky else "")


def _events(one: Checked, name: str) -> list[Event]:
    """Of the candidate's lives."""
    if one.evidence is None:
        return []
    previous = lives_of(one.run.digest_of("previous"), one.evidence)
    return [event for event in one.evidence.events(name) if event.boot not in previous]


def stop_times(one: Checked) -> Iterator[tuple[Figure, bool]]:
    """How long each took, by its own figure or by its board's clock, whichever is more; and whether it had to force
    anybody.
    """
    for stop in _events(one, "stop_end"):
        begin = one.evidence.begin_of(stop) if one.evidence else None
        took = stop.t_ms - begin.t_ms if begin else 0
        yield Figure(float(max(stop["ms"], took)), one.test.id), bool(stop.get("forced_count"))


def heap_missing(one: Checked) -> Iterator[Figure]:
    """After the last server of a boot has stopped: free heap before any server less free heap now. What connections
    that wait for their peers hold is counted apart by the firmware, and not missing."""
    starts, ends = _events(one, "ready"), _events(one, "stop_end")
    for ready in starts:
        idle = ready.get("heap_idle")
        stops = [s for s in ends if s.boot == ready.boot and s.at_line > ready.at_line]
        again = [r for r in starts if r.boot == ready.boot and r.at_line > ready.at_line]
        stops = [stop for stop in stops if not again or stop.at_line < again[0].at_line]
        if idle is None or not stops or any(stop.get("err") != "ESP_OK" for stop in stops):
            continue
        last = stops[-1]
        yield Figure(float(idle) - float(last["heap_after"]) - float(last.get("closing_bytes", 0)), one.test.id)


def update_times(one: Checked) -> Iterator[Figure]:
    """Of updates that ended well."""
    over = _events(one, "ota_end")
    for begin in _events(one, "ota_begin"):
        ends = [e for e in over if e.boot == begin.boot and e.at_line > begin.at_line]
        if ends and ends[0].get("err") == "ESP_OK":
            yield Figure(float(ends[0].t_ms - begin.t_ms), one.test.id)
