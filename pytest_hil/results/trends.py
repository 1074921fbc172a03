# SPDX-License-Identifier: Apache-2.0
"""What a history shows that no single run does: which tests are flaky, and which figures have really changed."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from .history import Result, by_test
from .significance import false_discovery, mann_whitney, wilson_lower

RECENT = 5  # newest results of a test that are compared ...
BASELINE = 30  # ... with so many before them
LEAST_BASELINE = 8  # fewer than that prove nothing: with 5 against 8, no p is below 0.0016
MAX_Q = 0.05  # Benjamini-Hochberg
LEAST_CHANGE = 0.05  # of the median: what is surely there may still be nothing to care about

# Name in a Result, unit, whether more is worse.
FIGURES = (
    ("stop_ms", "ms", True),
    ("ota_ms", "ms", True),
    ("update_s", "s", True),
    ("heap_gained", "bytes", False),
    ("duration_s", "s", True),
)


@dataclass(frozen=True)
class Flaky:
    """A test that passed and failed with the same image on the same kind of board."""

    test: str
    board_kind: str | None
    failed: int  # by the firmware
    bench: int  # by the bench
    retried: int  # passed, but not at the first attempt
    results: int
    flips: int  # changes between passed and not, from one result to the next
    score: float  # lower end of the 95 % interval of the share that did not pass at once
    last_failure: str | None


@dataclass(frozen=True)
class Change:
    """A figure of a test whose newest results differ from those before."""

    test: str
    board_kind: str | None
    figure: str
    unit: str
    before: float  # medians
    now: float
    recent: int  # sizes of the two samples
    baseline: int
    u: float
    p: float
    q: float
    superiority: float
    worse: bool


def flaky(results: Sequence[Result]) -> list[Flaky]:
    """The worst first. A test that began to fail with a new image is broken, not flaky, and is none of them."""
    found = []
    for (test, kind), history in by_test(results).items():
        by_image: dict[str | None, list[Result]] = {}
        for result in history:
            if result.outcome in ("passed", "failed", "flaky", "bench_error"):
                by_image.setdefault(result.image, []).append(result)
        mixed = [group for group in by_image.values() if len({result.outcome for result in group}) > 1]
        retried = [result for group in by_image.values() for result in group if result.outcome == "flaky"]
        counted = [result for group in mixed for result in group] or retried
        if not counted:
            continue
        outcomes = [result.outcome for result in counted]
        bad = [result for result in counted if result.outcome != "passed"]
        flips = sum(
            (one.outcome == "passed") != (next_.outcome == "passed")
            for group in mixed
            for one, next_ in itertools.pairwise(group)
        )
        found.append(
            Flaky(
                test,
                kind,
                outcomes.count("failed"),
                outcomes.count("bench_error"),
                outcomes.count("flaky"),
                len(counted),
                flips,
                wilson_lower(len(bad), len(counted)),
                bad[-1].failure,
            )
        )
    return sorted(found, key=lambda one: (-one.score, -one.flips, one.test))


def changes(results: Sequence[Result]) -> list[Change]:
    """Figures whose newest results differ from those before: Mann-Whitney, two-sided, q ≤ 0.05, worse ones first.

    Only results of passed tests count: what a failed one measured is no figure of working firmware.
    """
    compared: list[Change] = []
    for (test, kind), history in by_test(results).items():
        for figure, unit, more_is_worse in FIGURES:
            values = [
                float(value)
                for result in history
                if result.outcome == "passed" and (value := getattr(result, figure)) is not None
            ]
            recent, baseline = values[-RECENT:], values[-RECENT - BASELINE : -RECENT]
            if len(recent) < RECENT or len(baseline) < LEAST_BASELINE:
                continue
            test_ = mann_whitney(recent, baseline)
            before, now = statistics.median(baseline), statistics.median(recent)
            compared.append(
                Change(
                    test,
                    kind,
                    figure,
                    unit,
                    before,
                    now,
                    len(recent),
                    len(baseline),
                    test_.u,
                    test_.p,
                    1.0,
                    test_.superiority,
                    (now > before) == more_is_worse,
                )
            )
    return _real(compared)


def _real(compared: Sequence[Change]) -> list[Change]:
    found = [
        Change(**(vars(change) | {"q": q}))
        for change, q in zip(compared, false_discovery([change.p for change in compared]), strict=True)
        if q <= MAX_Q and abs(change.now - change.before) >= LEAST_CHANGE * abs(change.before)
    ]
    return sorted(found, key=lambda change: (not change.worse, change.q, change.test))
