# SPDX-License-Identifier: Apache-2.0
"""The ways to stop a streaming server before an update, one row each.

A row says which image runs, who is connected, how the server is told to stop, and what must then be seen. `promise`
rows are what the firmware is for. `control` rows pass when the failure is seen and named: they prove that the rig can
fail. `observation` rows assert what is known to happen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from pytest_hil.console.console import ExpectedPanic
from pytest_hil.rig import BLOCKING_STREAM, Rig
from pytest_hil.streams import StreamPlan

from . import expectations as seen


@dataclass(frozen=True)
class Scenario:
    """One row."""

    strategy: str
    clients: StreamPlan
    expected: Callable[[Rig, int], None]
    stream_mode: str = "inline"
    kind: str = "promise"
    image: str = "control"
    note: str = ""
    trigger: Mapping[str, Any] = field(default_factory=dict)
    provisioning: Mapping[str, str | int] = field(default_factory=dict)
    expect_panic: ExpectedPanic | None = None

    @property
    def id(self) -> str:
        return "-".join(filter(None, (self.strategy, self.stream_mode, str(self.clients).replace(" ", "_"), self.note)))

    def as_param(self) -> Any:
        mark = pytest.mark.hil(kind=self.kind, expect_panic=self.expect_panic)
        return pytest.param(self, id=self.id, marks=mark)


def graceful(stream_mode: str, **clients: int) -> Scenario:
    return Scenario(
        "graceful",
        StreamPlan(**clients),
        seen.stops_and_updates,
        stream_mode,
        image="release",
        provisioning=BLOCKING_STREAM if clients.get("stalled") else {},
    )


SCENARIOS = (
    # The longest first, so that parallel workers end together.
    Scenario("plain", StreamPlan(mjpeg=1), seen.hangs, kind="control"),
    Scenario(
        "kill_task",
        StreamPlan(stalled=1),
        seen.panics_in_lwip,
        kind="control",
        provisioning=BLOCKING_STREAM,
        expect_panic=ExpectedPanic(function="lwip_netconn_do_writemore"),
    ),
    graceful("inline"),
    graceful("inline", mjpeg=1),
    graceful("inline", mjpeg=3),
    graceful("inline", ws=1),
    graceful("inline", ws=3),
    graceful("inline", idle=1),
    graceful("inline", stalled=1),
    graceful("inline", half=1),
    graceful("workers", mjpeg=3),
    graceful("workers", mjpeg=2, ws=2),
    Scenario("close_recorded", StreamPlan(mjpeg=1), seen.stops_over_a_closed_socket, kind="observation"),
    Scenario(
        "close_recorded",
        StreamPlan(slow=1),
        seen.sends_video_to_a_stranger,
        kind="observation",
        note="reuse",
        trigger={"reuse": True},
    ),
    Scenario("close_all", StreamPlan(mjpeg=3), seen.stops_over_closed_sockets, kind="observation"),
)
