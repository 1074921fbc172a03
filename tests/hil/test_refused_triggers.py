# SPDX-License-Identifier: Apache-2.0
"""A trigger that must not be obeyed is refused with a reason, on serial and over MQTT, and the streams go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pytest_hil.rig import Rig
from pytest_hil.streams import StreamPlan

REFUSED_WITHIN_S = 5.0
FRAMES_AFTERWARDS = 5
FAST: dict[str, str | int] = {"frame_ms": 10}  # as many frames in less time

Change = Callable[[dict[str, Any]], Any]

ROWS: tuple[tuple[str, str, Change], ...] = (
    ("no JSON", "malformed", lambda _: "update, please"),
    ("a field missing", "malformed", lambda t: {k: v for k, v in t.items() if k != "sha256"}),
    ("a field of the wrong type", "malformed", lambda t: t | {"size": "large"}),
    ("another device", "other_device", lambda t: t | {"device": "somebody-else"}),
    ("the running version", "same_version", lambda t: t | {"version": "1.0.0"}),
    ("larger than the slot", "image_too_large", lambda t: t | {"size": 64 << 20}),
    ("https, and nobody to believe", "no_ca", lambda t: t | {"url": t["url"].replace("http://", "https://")}),
    ("too long a message", "too_large", lambda t: t | {"padding": "x" * 5000}),
    ("a strategy that a release does not have", "strategy_not_built", lambda t: t | {"stop": "plain"}),
)


@pytest.mark.hil(kind="promise")
@pytest.mark.parametrize(("reason", "change"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_refused(rig: Rig, reason: str, change: Change) -> None:
    rig.start("release", FAST)
    rig.open_served(StreamPlan(mjpeg=1, ws=1))
    is_refused_and_streams_go_on(rig, change(rig.trigger_for("update")), reason)


@pytest.mark.hil(kind="promise")
def test_a_counter_used_before_is_refused_even_after_a_reset(rig: Rig) -> None:
    rig.start("release")
    used = rig.trigger_for("update", sha256="0" * 64)
    rig.publish_trigger(used)
    rig.wait_status("failed", 20)
    rig.console.wait_event("ready", 10, such=lambda ready: bool(ready.get("again")))
    mark = rig.console.mark()
    rig.board.reset()
    rig.console.wait_event("ready", 10, mark)

    rig.open_streams(StreamPlan(mjpeg=1))
    is_refused_and_streams_go_on(rig, used, "replayed")


def is_refused_and_streams_go_on(rig: Rig, trigger: Any, reason: str) -> None:
    mark = rig.publish_trigger(trigger)
    refused = rig.console.wait_event("trigger", REFUSED_WITHIN_S, mark)
    assert (refused["accepted"], refused.get("reason")) == (False, reason)
    rig.wait_status("refused", REFUSED_WITHIN_S, lambda status: status.get("reason") == reason)
    for client in rig.streams.clients:
        client.wait_frames(client.check.frames + FRAMES_AFTERWARDS, 5)
        assert client.check.problems == [], f"{client}: {client.check.problems}"
    assert rig.console.events_named("stop_begin", mark) == []
