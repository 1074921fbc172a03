# SPDX-License-Identifier: Apache-2.0
"""`/status` tells what runs, whom the board serves and how its memory is; its console says the same."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_hil.rig import Rig
from pytest_hil.services.board_connection import get_page
from pytest_hil.streams import CONTROL_PORT, StreamPlan

from .expectations import EVENT_SLACK_S
from .scenarios import WORKERS_SINCE
from .test_refused_triggers import is_refused_and_streams_go_on

HEAP_UNDER_WAY = 32768  # bytes: what queued packets of three streams hold, more or less of it at each look


def status_of(rig: Rig) -> dict[str, Any]:
    answer = get_page(f"http://{rig.board.endpoint(CONTROL_PORT)}/status", EVENT_SLACK_S)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    told: dict[str, Any] = answer.json()
    return told


@pytest.mark.hil(kind="promise", idf=WORKERS_SINCE)
def test_it_tells_image_streams_triggers_and_heap(rig: Rig) -> None:
    rig.start("release", {"stream_mode": "workers"})
    rig.open_streams(StreamPlan(mjpeg=2, ws=1))
    boot = rig.console.events_named("boot")[0]
    told = status_of(rig)
    for name in ("version", "slot", "image_sha256"):
        assert told[name] == boot[name], f"{name}: {told} but {boot}"
    assert (told["device"], told["state"]) == (rig.bench.device_id, "serving")
    assert (told["streams"], told["served"]) == ({"mjpeg": 2, "ws": 1}, {"mjpeg": 2, "ws": 1})
    assert min(told["frames"].values()) >= 1, f"no frames, though every client has some: {told}"
    beat = rig.console.wait_event("beat", EVENT_SLACK_S, rig.console.mark())
    assert abs(told["heap"] - beat["heap"]) < HEAP_UNDER_WAY, f"{told} but {beat}"
    assert 0 < told["largest_block"] <= told["heap"] >= told["heap_min"] > 0, told

    mark = rig.console.mark()
    rig.streams.of_kind("mjpeg")[0].close()
    rig.console.wait_event("stream_close", EVENT_SLACK_S, mark, kind="mjpeg")
    later = status_of(rig)
    assert (later["streams"], later["served"]) == ({"mjpeg": 1, "ws": 1}, told["served"])
    assert all(later["frames"][kind] > told["frames"][kind] for kind in ("mjpeg", "ws")), f"{told}, then {later}"
    assert later["triggers"] == {"accepted": 0, "refused": 0}


@pytest.mark.hil(kind="promise")
def test_it_tells_a_refused_trigger_and_the_new_image(rig: Rig) -> None:
    rig.start("release")
    rig.open_served(StreamPlan(mjpeg=1, ws=1))
    is_refused_and_streams_go_on(rig, rig.trigger_for("update") | {"version": "1.0.0"}, "same_version")
    assert status_of(rig)["triggers"] == {"accepted": 0, "refused": 1}
    mark = rig.publish_trigger(rig.trigger_for("update"))
    rig.wait_updated("update", mark)
    told, image = status_of(rig), rig.image("update")
    assert (told["version"], told["slot"], told["image_sha256"]) == (image.version, "ota_1", image.image_sha256)
    assert (told["state"], told["streams"]) == ("serving", {"mjpeg": 0, "ws": 0})
