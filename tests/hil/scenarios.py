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
from . import update_only

WORKERS_SINCE = "5.2"  # the first ESP-IDF whose requests can be answered by another task than the server's


@dataclass(frozen=True)
class Scenario:
    """One row."""

    strategy: str
    clients: StreamPlan
    expected: Callable[[Rig, int], None]
    stream_mode: str = "inline"
    kind: str = "promise"
    image: str = "control"
    tls: bool = False  # between the stream server and its clients
    note: str = ""
    trigger: Mapping[str, Any] = field(default_factory=dict)
    provisioning: Mapping[str, str | int] = field(default_factory=dict)
    expect_panic: ExpectedPanic | None = None

    @property
    def id(self) -> str:
        tls, clients = "tls" if self.tls else "", str(self.clients).replace(" ", "_")
        return "-".join(filter(None, (self.strategy, self.stream_mode, tls, clients, self.note)))

    def as_param(self) -> Any:
        mark = pytest.mark.hil(
            kind=self.kind, expect_panic=self.expect_panic, idf=WORKERS_SINCE if self.stream_mode == "workers" else ""
        )
        return pytest.param(self, id=self.id, marks=mark)


# Frames for a client that the app passes over while its socket takes no more: they fit into what then becomes free, so
# that the push, which runs in the server's own task, never waits for one client.
SMALL_FRAMES: dict[str, str | int] = {"frame_bytes": 2048, "frame_ms": 10}


def graceful(
    stream_mode: str, *, tls: bool = False, frame_ms: int | None = None, push_blocks: bool = False, **clients: int
) -> Scenario:
    """`push_blocks`: frames so large that pushing one to a stalled WebSocket holds the server's task up."""
    provisioning: dict[str, str | int] = {"frame_ms": frame_ms} if frame_ms else {}
    if clients.get("stalled") or push_blocks:
        provisioning = BLOCKING_STREAM
    elif clients.get("stalled_ws"):
        provisioning = SMALL_FRAMES
    return Scenario(
        "graceful",
        StreamPlan(**clients),
        seen.stops_and_updates,
        stream_mode,
        image="release",
        tls=tls,
        note=f"{frame_ms}_ms" if frame_ms else "push_blocks" if push_blocks else "",
        provisioning=provisioning,
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
        expect_panic=seen.LWIP_PANIC,
    ),
    Scenario("graceful", StreamPlan(stuck=1, mjpeg=1), update_only.updates_before_any_server, "workers"),
    Scenario("graceful", StreamPlan(stuck=1), update_only.updates_before_any_server),
    Scenario(
        "graceful",
        StreamPlan(stuck=1, mjpeg=1),
        update_only.serves_after_a_failed_update,
        "workers",
        note="update_fails",
        trigger={"sha256": "0" * 64},
    ),
    Scenario(
        "graceful",
        StreamPlan(silent=1, mjpeg=1),
        update_only.updates_before_any_server,
        "workers",
        image="release",
        tls=True,
    ),
    graceful("workers", mjpeg=2, stalled=1),
    graceful("workers", mjpeg=1, ws=2, stalled=1),
    graceful("workers", mjpeg=2, ws=1, stalled_ws=1),
    graceful("workers", ws=2, stalled_ws=1, push_blocks=True),
    graceful("workers", tls=True, mjpeg=1, ws=1, stalled=1),
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
    graceful("workers", mjpeg=3, frame_ms=10),
    graceful("workers", mjpeg=3, frame_ms=300),
    graceful("workers", mjpeg=2, ws=1, idle=1, half_control=1),
    graceful("workers", tls=True, mjpeg=2),
    graceful("workers", tls=True, ws=2),
    graceful("inline", tls=True, mjpeg=1),
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
    Scenario(
        "close_all",
        StreamPlan(mjpeg=3),
        seen.stops_over_closed_sockets,
        "workers",
        kind="observation",
        provisioning={"frame_ms": 300},
    ),
)
