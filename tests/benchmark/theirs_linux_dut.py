# SPDX-License-Identifier: Apache-2.0
"""Run by test_console.py in a pytest of its own: the same figures, of pytest-embedded's linux DUT."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

TICKS = 500
WARM_UP = 50  # printed while the test was still being set up
FIGURES = Path(os.environ["FIGURES"])


def add(**figures: float) -> None:
    known = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    FIGURES.write_text(json.dumps(known | figures))


def test_print_to_wake(dut: Any) -> None:
    delays = []
    for n in range(TICKS):
        match = dut.expect(rf"tick {n} at (\d+)\r?\n", timeout=5)
        if n >= WARM_UP:
            delays.append((time.monotonic_ns() - int(match.group(1))) / 1e6)
    delays.sort()
    add(p50=delays[len(delays) // 2], p99=delays[math.ceil(0.99 * len(delays)) - 1])


# Set-up, a line, tear-down: from the end of one test to the end of the next.
ENDS: list[float] = []


@pytest.fixture(autouse=True, scope="module")
def overhead() -> Iterator[None]:
    yield
    add(overhead_s=sorted(after - before for before, after in pairwise(ENDS))[len(ENDS) // 2 - 1])


@pytest.fixture
def outermost() -> Iterator[None]:
    yield
    ENDS.append(time.monotonic())


@pytest.mark.usefixtures("outermost")
@pytest.mark.parametrize("_n", range(6))
def test_overhead(dut: Any, _n: int) -> None:
    dut.expect("serial_clock: ready", timeout=5)
