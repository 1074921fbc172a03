# SPDX-License-Identifier: Apache-2.0
"""How long a graceful stop takes, by the board's own clock, for each kind of client.

One board, stopped again and again: the update it is told of lies where nobody listens, so it fails and the servers
come back.
"""

from __future__ import annotations

from typing import Any

import pytest

from pytest_hil.rig import Rig
from pytest_hil.streams import STREAM_PORT, StreamPlan

from .figures import Row, percentile

FRAME_MS = 50
DRAIN_MS = 1000
POLL_MS = 150  # httpd_stop() looks each 100 ms whether the server has stopped, and 50 ms for all else
BLOCKING = {"frame_bytes": 32768, "frame_ms": 10}  # fills what lies between board and client quickly
READING, HELD = FRAME_MS + POLL_MS, DRAIN_MS + POLL_MS

PLANS: tuple[tuple[str, StreamPlan, int, dict[str, Any]], ...] = (
    ("inline", StreamPlan(), READING, {}),
    ("inline", StreamPlan(mjpeg=1), READING, {}),
    ("inline", StreamPlan(mjpeg=3), READING, {}),
    ("inline", StreamPlan(ws=1), READING, {}),
    ("inline", StreamPlan(ws=3), READING, {}),
    ("inline", StreamPlan(idle=1), READING, {}),
    ("workers", StreamPlan(mjpeg=3), READING, {}),
    ("workers", StreamPlan(mjpeg=2, ws=2), READING, {}),
    ("inline", StreamPlan(half=1), HELD, {}),
    ("inline", StreamPlan(stalled=1), HELD, BLOCKING),
)


@pytest.mark.hil(kind="observation")
@pytest.mark.parametrize(("mode", "plan", "goal_ms", "settings"), PLANS, ids=[f"{m} {p}" for m, p, _, _ in PLANS])
def test_graceful_stop(  # noqa: PLR0917  one argument a column
    rig: Rig,
    rows: list[Row],
    pytestconfig: pytest.Config,
    mode: str,
    plan: StreamPlan,
    goal_ms: int,
    settings: dict[str, Any],
) -> None:
    rig.start("release", {"stream_mode": mode, "frame_ms": FRAME_MS, "drain_ms": DRAIN_MS, **settings})
    took_ms: list[float] = []
    for _ in range(pytestconfig.getoption("--stops")):
        rig.open_streams(plan)
        since = rig.publish_trigger(rig.trigger_for("update", url=f"http://{rig.board.runner_host}:9/nobody.bin"))
        stop = rig.console.wait_event("stop_end", 10, since, server=STREAM_PORT)
        assert stop["err"] == "ESP_OK", f"not a stop to measure: {stop}"
        took_ms.append(float(stop["ms"]))
        rig.console.wait_event("ready", 10, since, again=True)
        rig.streams.close()
    rows.append(
        Row(f"graceful stop, {mode}, {plan}: p99", percentile(took_ms, 0.99), "ms", goal_ms, samples=len(took_ms))
    )
    rows.append(Row(f"graceful stop, {mode}, {plan}: p50", percentile(took_ms, 0.50), "ms", samples=len(took_ms)))
