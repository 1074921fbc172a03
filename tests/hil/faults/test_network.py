# SPDX-License-Identifier: Apache-2.0
"""Networks that lose, delay, or go away for a while: the update comes through, only later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from pytest_hil.boards.protocol import Capability, need
from pytest_hil.rig import Rig
from pytest_hil.services.reply_fault import ReplyFault

from ..expectations import EVENT_SLACK_S
from .recovery import AFTER, BEFORE, Attempt, fails, hears_again, is_as_before, publish, stops_in_time

pytestmark = pytest.mark.faults

LINK_DOWN_S = 5.0
SLOW_NETWORK = {"update_ms": 900_000, "stall_ms": 60_000, "self_test_ms": 120_000}
UPDATED_WITHIN_S = 1000.0
VALID_WITHIN_S = 60.0
ELSEWHERE = "10.0.2.77"
BYTES_PER_S = 1_000_000  # so that the download is long enough to be hit


def comes_through(rig: Rig, attempt: Attempt) -> None:
    ended = rig.console.wait_event("ota_end", UPDATED_WITHIN_S, attempt.mark)
    assert ended["err"] == "ESP_OK", f"the download failed: {ended}"
    rig.console.wait_event("boot", EVENT_SLACK_S, ended.at_line)
    boot = rig.wait_updated("update", attempt.mark)
    rig.console.wait_event("ready", EVENT_SLACK_S, boot.at_line)


@pytest.mark.hil(kind="promise")
@pytest.mark.parametrize("percent", [2, 10], ids=["2 percent lost", "10 percent lost"])
def test_loss(rig: Rig, percent: int) -> None:
    """Seconds become minutes: in a window of four segments most losses wait for a timeout of a second or more."""
    rig.start("release", SLOW_NETWORK)
    need(rig.board, Capability.DROP_PACKETS)
    rig.open_streams(BEFORE)
    rig.board.loss(percent)
    attempt = publish(rig, rig.trigger_for("update"))
    stops_in_time(rig, attempt)
    comes_through(rig, attempt)
    rig.board.loss(0)
    rig.open_streams(AFTER)


@pytest.mark.hil(kind="promise")
def test_delay(rig: Rig) -> None:
    """A window of four segments at each 600 ms: the download takes two minutes."""
    rig.start("release", SLOW_NETWORK)
    need(rig.board, Capability.DROP_PACKETS)
    rig.open_streams(BEFORE)
    rig.board.delay(300)
    attempt = publish(rig, rig.trigger_for("update"))
    stops_in_time(rig, attempt)
    comes_through(rig, attempt)
    rig.board.delay(0)
    rig.open_streams(AFTER)


@dataclass(frozen=True)
class Phase:
    """When the link goes down."""

    name: str
    wait: Callable[[Rig, int], object]


PHASES = (
    Phase("in drain", lambda rig, mark: rig.console.wait_event("stop_begin", EVENT_SLACK_S, mark)),
    Phase("in the download", lambda rig, mark: rig.console.wait_event("ota_progress", 30, mark)),
    Phase("before the restart", lambda rig, mark: rig.console.wait_event("ota_end", 30, mark)),
)


def link_down(rig: Rig) -> None:
    rig.board.link(up=False)
    rig.console.record.linger(LINK_DOWN_S)
    rig.board.link(up=True)


@pytest.mark.hil(kind="promise")
def test_link_down_before_the_stop(rig: Rig) -> None:
    rig.start("release")
    need(rig.board, Capability.LINK_DOWN)
    rig.open_streams(BEFORE)
    rig.board.link(up=False)
    unheard = publish(rig, "while the link is down")
    rig.console.record.linger(LINK_DOWN_S)
    assert rig.console.events_named("trigger", unheard.mark) == [], "the link was not down"
    rig.board.link(up=True)
    hears_again(rig)  # what the broker sent meanwhile comes late, or is lost with the connection
    comes_through(rig, publish(rig, rig.trigger_for("update")))
    rig.open_streams(AFTER)


@pytest.mark.hil(kind="promise")
@pytest.mark.parametrize(
    "phase",
    [pytest.param(p, id=p.name, marks=[pytest.mark.smoke] if p.name == "in drain" else []) for p in PHASES],
)
def test_link_down(rig: Rig, phase: Phase) -> None:
    """libslirp doubles its pauses from a second up, so it may be silent for longer than the link was down."""
    rig.start("release", SLOW_NETWORK)
    need(rig.board, Capability.LINK_DOWN)
    rig.open_streams(BEFORE)
    trigger = rig.trigger_for("update")
    content = rig.image("update").app_bin.read_bytes()
    rig.bench.image_server.serve("/update.bin", content, ReplyFault(bytes_per_s=BYTES_PER_S))
    attempt = publish(rig, trigger)
    phase.wait(rig, attempt.mark)
    link_down(rig)
    stops_in_time(rig, attempt)
    comes_through(rig, attempt)
    rig.open_streams(AFTER)


@pytest.mark.hil(kind="promise")
def test_a_link_that_stays_down_in_the_download(rig: Rig) -> None:
    """The download stalls and fails; when the link is back, all is as before."""
    rig.start("release", {"stall_ms": 1000})
    need(rig.board, Capability.LINK_DOWN)
    rig.open_streams(BEFORE)
    trigger = rig.trigger_for("update")
    content = rig.image("update").app_bin.read_bytes()
    rig.bench.image_server.serve("/update.bin", content, ReplyFault(bytes_per_s=BYTES_PER_S))
    attempt = publish(rig, trigger)
    rig.console.wait_event("ota_progress", 30, attempt.mark)
    rig.board.link(up=False)
    ended = rig.console.wait_event("ota_end", 30, attempt.mark)
    assert ended["reason"] == "stalled", f"{ended}"
    rig.console.wait_event("ready", EVENT_SLACK_S, ended.at_line, again=True)
    rig.board.link(up=True)
    rig.open_streams(AFTER)
    attempt = publish(rig, rig.trigger_for("update"))
    rig.console.wait_event("boot", VALID_WITHIN_S, attempt.mark)
    rig.wait_updated("update", attempt.mark)


# ---- another address: whatever was connected is gone, on both sides


def moves(rig: Rig) -> None:
    mark = rig.console.mark()
    rig.board.change_address(ELSEWHERE)
    rig.console.wait_event("net", EVENT_SLACK_S, mark, ip=ELSEWHERE)


@pytest.mark.hil(kind="promise")
def test_another_address_before_the_stop(rig: Rig) -> None:
    rig.start("release")
    need(rig.board, Capability.CHANGE_ADDRESS)
    rig.open_streams(BEFORE)
    moves(rig)
    for client in rig.streams.clients:
        client.wait_end(EVENT_SLACK_S)
    rig.open_streams(AFTER)
    hears_again(rig)
    comes_through(rig, publish(rig, rig.trigger_for("update")))
    rig.open_streams(AFTER)


@pytest.mark.hil(kind="promise")
@pytest.mark.parametrize("phase", [pytest.param(p, id=p.name) for p in PHASES if p.name != "in the download"])
def test_another_address(rig: Rig, phase: Phase) -> None:
    rig.start("release")
    need(rig.board, Capability.CHANGE_ADDRESS)
    rig.open_streams(BEFORE)
    attempt = publish(rig, rig.trigger_for("update"))
    phase.wait(rig, attempt.mark)
    rig.board.change_address(ELSEWHERE)
    stops_in_time(rig, attempt)
    comes_through(rig, attempt)
    rig.open_streams(AFTER)


@pytest.mark.smoke
@pytest.mark.hil(kind="promise")
def test_another_address_in_the_download(rig: Rig) -> None:
    """What was half loaded is given up: its connection is gone."""
    rig.start("release")
    need(rig.board, Capability.CHANGE_ADDRESS)
    rig.open_streams(BEFORE)
    trigger = rig.trigger_for("update")
    content = rig.image("update").app_bin.read_bytes()
    rig.bench.image_server.serve("/update.bin", content, ReplyFault(bytes_per_s=BYTES_PER_S))
    attempt = publish(rig, trigger)
    rig.console.wait_event("ota_progress", 30, attempt.mark)
    moves(rig)
    fails(rig, attempt, "truncated")
    is_as_before(rig, attempt, "truncated")
    hears_again(rig)
    comes_through(rig, publish(rig, rig.trigger_for("update")))
