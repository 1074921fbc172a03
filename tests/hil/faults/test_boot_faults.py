# SPDX-License-Identifier: Apache-2.0
"""Updates to an image that does not get through its own boot: each goes back to the old image, which tells of it.

The faults are the control image's (`boot_fault`); what runs before and after it is the release.
"""

from __future__ import annotations

import pytest

from pytest_hil.console.console import ExpectedPanic
from pytest_hil.rig import Rig

from ..expectations import EVENT_SLACK_S
from .recovery import AFTER, BEFORE, publish, status_of, updates, wait_step

SELF_TEST_MS = 3000
ROLLED_BACK_WITHIN_S = 30.0


def goes_back(rig: Rig, fault: str, rolls_back_itself: str | None) -> None:
    """To the release, which serves and updates; `rolls_back_itself`: what the failing image finds missing."""
    rig.start("release", {"boot_fault": fault, "self_test_ms": SELF_TEST_MS})
    rig.open_streams(BEFORE)
    attempt = publish(rig, rig.trigger_for("control"))
    tried = rig.console.wait_event("boot", ROLLED_BACK_WITHIN_S, attempt.mark)
    assert tried["image_sha256"] == rig.image("control").image_sha256, f"the faulty image was not tried: {tried}"
    if fault == "hang_early":
        rig.console.wait_line("hang_early: this boot ends here", EVENT_SLACK_S, tried.at_line)
        rig.board.reset()  # what a chip's watchdog does; nothing of the image is left to do it
    if rolls_back_itself:
        gone = rig.console.wait_event("rollback", ROLLED_BACK_WITHIN_S, tried.at_line)
        assert gone["reason"] == rolls_back_itself, f"given up for another reason: {gone}"

    back = rig.console.wait_event("boot", ROLLED_BACK_WITHIN_S, tried.at_line + 1)
    assert back["image_sha256"] == rig.image("release").image_sha256, f"not the old image: {back}"
    how = "invalid" if rolls_back_itself else "aborted"
    told = wait_step(rig, attempt, "rolled_back", ROLLED_BACK_WITHIN_S)
    assert (told["version"], told["reason"]) == (rig.image("control").version, how)
    rig.console.wait_event("ready", EVENT_SLACK_S, back.at_line)
    for client in rig.streams.clients:
        client.wait_end(EVENT_SLACK_S)
    rig.open_streams(AFTER)
    assert status_of(rig)["last_failure"] == how

    mark = rig.console.mark()
    rig.board.reset()
    rig.console.wait_event("beat", EVENT_SLACK_S, rig.console.wait_event("ready", EVENT_SLACK_S, mark).at_line)
    assert rig.console.events_named("rolled_back", mark) == [], "it is told again at every boot"
    updates(rig)


@pytest.mark.faults
@pytest.mark.smoke
@pytest.mark.hil(kind="control", expect_panic=ExpectedPanic(kind="abort"))
def test_an_image_that_panics(rig: Rig) -> None:
    goes_back(rig, "panic", None)


@pytest.mark.faults
@pytest.mark.hil(kind="promise")
def test_an_image_that_hangs_before_anything_watches_it(rig: Rig) -> None:
    goes_back(rig, "hang_early", None)


@pytest.mark.hil(kind="promise")
@pytest.mark.parametrize(
    ("fault", "missing"),
    [
        pytest.param("hang", "network", marks=pytest.mark.faults),
        pytest.param("no_broker", "broker", marks=pytest.mark.faults),
        ("no_servers", "servers"),  # in every run: the gate wants to see a board go back
    ],
)
def test_an_image_that_does_not_come_up(rig: Rig, fault: str, missing: str) -> None:
    goes_back(rig, fault, missing)
