# SPDX-License-Identifier: Apache-2.0
"""What a board costs: start to ready, a test's overhead, idle CPU."""

from __future__ import annotations

import time

import psutil
import pytest

from pytest_hil.boards.native import NativeBoard
from pytest_hil.rig import Rig

from .figures import Row, percentile

IDLE_S = 10.0


@pytest.mark.hil(kind="observation")
def test_start_to_ready(rig: Rig, rows: list[Row], pytestconfig: pytest.Config) -> None:
    rig.start("release")
    took_s: list[float] = []
    for _ in range(pytestconfig.getoption("--starts")):
        rig.board.power(False)
        mark = rig.console.mark()
        began = time.monotonic()
        rig.board.power(True)
        rig.console.wait_event("ready", 10, mark)
        took_s.append(time.monotonic() - began)
    rows.append(Row("native board, power on to ready: p50", percentile(took_s, 0.5), "s", 0.2, samples=len(took_s)))
    rows.append(Row("native board, power on to ready: p99", percentile(took_s, 0.99), "s", samples=len(took_s)))


@pytest.mark.hil(kind="observation")
def test_idle_cpu(rig: Rig, rows: list[Row]) -> None:
    rig.start("release")
    assert isinstance(rig.board, NativeBoard)
    supervisor = psutil.Process(rig.board.pid)

    def used_s() -> float:
        processes = [psutil.Process(), supervisor, *supervisor.children(recursive=True)]
        return sum(sum(process.cpu_times()[:2]) for process in processes)

    before, began = used_s(), time.monotonic()
    rig.console.record.linger(IDLE_S)
    share = 100 * (used_s() - before) / (time.monotonic() - began)
    rows.append(Row("idle CPU with a board up (runner, supervisor, program)", share, "% core", 1.0))
