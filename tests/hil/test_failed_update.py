# SPDX-License-Identifier: Apache-2.0
"""After an update that fails, the servers are started again and streams are served, by the old image."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from pytest_hil.rig import Rig
from pytest_hil.streams import STREAM_PORT, StreamPlan

ROWS: tuple[tuple[str, Callable[[dict[str, Any]], dict[str, Any]]], ...] = (
    ("wrong sha256", lambda t: t | {"sha256": "0" * 64}),
    ("image not found", lambda t: t | {"url": t["url"].replace("update.bin", "nothing-here.bin")}),
    ("wrong size", lambda t: t | {"size": t["size"] + 1}),
    ("nobody listens", lambda t: t | {"url": re.sub(r":\d+/", ":9/", t["url"])}),
)


@pytest.mark.hil(kind="promise")
@pytest.mark.parametrize("change", [row[1] for row in ROWS], ids=[row[0] for row in ROWS])
def test_the_servers_are_back(rig: Rig, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    rig.start("release")
    rig.open_streams(StreamPlan(mjpeg=2, ws=1))
    mark = rig.publish_trigger(change(rig.trigger_for("update")))
    rig.console.wait_event("stop_end", 10, mark, server=STREAM_PORT)
    rig.wait_status("failed", 20)
    rig.console.wait_event("ready", 10, mark, again=True)

    for client in rig.streams.clients:
        client.wait_end(5)
    rig.open_streams(StreamPlan(mjpeg=2, ws=1, idle=1))
    assert len(rig.console.events_named("boot")) == 1, "the board restarted"
