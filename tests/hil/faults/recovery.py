# SPDX-License-Identifier: Apache-2.0
"""What must be seen after an update that failed: the old image runs, serves again in time, has its heap back, says why,
and the next good update succeeds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_hil.rig import Rig
from pytest_hil.services.board_connection import get_page
from pytest_hil.streams import CONTROL_PORT, StreamPlan

from ..expectations import EVENT_SLACK_S, STOP_LIMIT_MS, heap_is_back

SERVED_WITHIN_S = 5.0  # from the failure to frames at every client
FAILED_WITHIN_S = 30.0
STATUS_TIMEOUT_S = 5.0
HEARS_WITHIN_S = 120  # heartbeats
BEFORE = StreamPlan(mjpeg=2, ws=1)
AFTER = StreamPlan(mjpeg=2, ws=1)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A trigger that is out, and what had been seen before it."""

    mark: int  # of the console
    heard: int  # messages


def publish(rig: Rig, trigger: Mapping[str, Any] | str | bytes) -> Attempt:
    heard = len(rig.mqtt.messages)
    return Attempt(rig.publish_trigger(trigger), heard)


def wait_step(rig: Rig, attempt: Attempt, step: str, timeout_s: float) -> dict[str, Any]:
    """The first status message of that step since the attempt."""
    message = rig.mqtt.wait_message(
        rig.topic("ota/status"), lambda m: bool(m.json().get("step") == step), timeout_s, attempt.heard
    )
    status: dict[str, Any] = message.json()
    return status


def status_of(rig: Rig) -> dict[str, Any]:
    """What the board says of itself."""
    answer = get_page(f"http://{rig.board.endpoint(CONTROL_PORT)}/status", STATUS_TIMEOUT_S)
    status: dict[str, Any] = answer.json()
    return status


def fails(rig: Rig, attempt: Attempt, reason: str, timeout_s: float = FAILED_WITHIN_S) -> None:
    """The update ends with that reason, the status says so, and streams are served again in time."""
    ended = rig.console.wait_event("ota_end", timeout_s, attempt.mark)
    failed_at = time.monotonic()
    assert ended.get("reason") == reason, f"failed for another reason than {reason!r}: {ended}"
    status = wait_step(rig, attempt, "failed", EVENT_SLACK_S)
    assert status["reason"] == reason, f"status tells another reason than {reason!r}: {status}"
    rig.console.wait_event("ready", SERVED_WITHIN_S, ended.at_line, again=True)
    for client in rig.streams.clients:
        client.wait_end(EVENT_SLACK_S)
    rig.open_streams(AFTER)
    took_s = time.monotonic() - failed_at
    assert took_s <= SERVED_WITHIN_S, f"streams were served {took_s:.1f} s after the failure"


def is_as_before(rig: Rig, attempt: Attempt, reason: str) -> None:
    """The old image, never restarted; its status page tells why."""
    status, image = status_of(rig), rig.image("release")
    assert (status["version"], status["image_sha256"]) == (image.version, image.image_sha256), f"{status}"
    assert status["last_failure"] == reason, f"the status page tells another reason: {status}"
    assert rig.console.events_named("boot", attempt.mark) == [], "the board restarted"


def updates(rig: Rig, *, heap: bool = True) -> None:
    """A good trigger is obeyed, and its image stays. When the servers have stopped for it, nothing that came before
    holds `heap` any more.
    """
    attempt = publish(rig, rig.trigger_for("update"))
    accepted = rig.console.wait_event("trigger", EVENT_SLACK_S, attempt.mark)
    assert accepted["accepted"] is True, f"the next good trigger was refused: {accepted}"
    stop = rig.console.wait_event("stop_end", 2 * EVENT_SLACK_S, attempt.mark, server=CONTROL_PORT)
    if heap:
        heap_is_back(rig, stop)
    rig.wait_updated("update", attempt.mark)


def fails_and_recovers(rig: Rig, attempt: Attempt, reason: str, timeout_s: float = FAILED_WITHIN_S) -> None:
    """All of it."""
    fails(rig, attempt, reason, timeout_s)
    is_as_before(rig, attempt, reason)
    updates(rig)


def hears_again(rig: Rig) -> None:
    """Asks at each heartbeat, until a trigger that stands behind all others is answered, over whatever connection."""
    asked = rig.console.mark()
    for _ in range(HEARS_WITHIN_S):
        beat = rig.console.mark()
        rig.mqtt.post(rig.topic("ota/trigger"), json.dumps({"device": "somebody-else"}))
        rig.console.wait_event("beat", EVENT_SLACK_S, beat)
        if rig.console.events_named("trigger", asked, reason="other_device"):
            return
    raise AssertionError(f"no trigger was answered for {HEARS_WITHIN_S} s")


def stops_in_time(rig: Rig, attempt: Attempt, servers: tuple[int, ...] = (81, 80)) -> None:
    """Both servers stop within what is promised whatever the clients do."""
    for server in servers:
        limit_s = STOP_LIMIT_MS / 1000 + 2 * EVENT_SLACK_S
        stop = rig.console.wait_event("stop_end", limit_s, attempt.mark, server=server)
        assert (stop["err"], stop["remaining"]) == ("ESP_OK", 0), f"the stop failed: {stop}"
        assert stop["ms"] <= STOP_LIMIT_MS, f"{stop['ms']} ms, limit {STOP_LIMIT_MS} ms: {stop}"
