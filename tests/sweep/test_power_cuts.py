# SPDX-License-Identifier: Apache-2.0
"""Power cuts on the whole board: streams open, a broker, an image server, and the firmware as it ships.

The sweep in process (firmware/native/sweep) cuts at every flash operation; these are a sample of the same cuts, which
show that what it leaves out changes nothing. See docs/power_cuts.md.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from pytest_hil.boards.native import NativeBoard
from pytest_hil.errors import NotRun
from pytest_hil.rig import UPDATE_TIMEOUT_S, Rig
from pytest_hil.streams import StreamPlan

EDGE = 0.15  # that share of the cuts falls at each end, where nvs and otadata are written
EDGE_OPERATIONS = 12
TORN_BYTES = 128  # half a page
READY_S = 20.0
CLIENTS = StreamPlan(mjpeg=1, ws=1)

_operations: dict[str, int] = {}  # of a whole update; every update of this process makes as many


def native(rig: Rig) -> NativeBoard:
    if not isinstance(rig.board, NativeBoard):
        raise NotRun("only the native board can lose its power at a certain flash operation")
    return rig.board


def flash_operations(rig: Rig) -> int:
    return int(native(rig).control("status")["flash_ops"])


def count_operations(rig: Rig) -> int:
    """Updates the board once with the power on."""
    before = flash_operations(rig)
    mark = rig.publish_trigger(rig.trigger_for("update"))
    boot = rig.wait_updated("update", mark)
    rig.console.wait_event("ready", READY_S, boot.at_line)
    return flash_operations(rig) - before


def operation_at(place: float, operations: int) -> int:
    """From 0..1 to an operation: those at both ends, where all but the image is written, are cut far more often."""
    if place < EDGE:
        return 1 + round(place / EDGE * (EDGE_OPERATIONS - 1))
    if place > 1 - EDGE:
        return operations - round((1 - place) / EDGE * (EDGE_OPERATIONS - 1))
    return round((place - EDGE) / (1 - 2 * EDGE) * operations)


def wait_power_lost(rig: Rig) -> dict[str, Any]:
    deadline = time.monotonic() + UPDATE_TIMEOUT_S
    while (status := native(rig).control("status"))["power"] != "off":
        assert time.monotonic() < deadline, f"the power was never cut: {status}"
        time.sleep(0.02)  # the supervisor does not tell by itself
    return status


def update(rig: Rig, role: str) -> None:
    mark = rig.publish_trigger(rig.trigger_for(role))
    accepted = rig.console.wait_event("trigger", 5, mark)
    assert accepted["accepted"] is True, f"after the cut the board refuses an update: {accepted}"
    boot = rig.wait_updated(role, mark)
    rig.console.wait_event("ready", READY_S, boot.at_line)


@pytest.mark.hil(kind="promise")
def test_the_board_gets_over_it(rig: Rig, place: float) -> None:
    rig.start("release")
    before, after = "release", "update"
    operations = _operations.get("update")
    if operations is None:
        _operations["update"] = count_operations(rig)
        update(rig, before)  # back again: the other way the image has another size
        operations = count_operations(rig)  # a board that was updated before makes fewer
        update(rig, before)
    operation = operation_at(place, operations)
    torn = round(place * 1e4) % 2 == 1
    rig.open_streams(CLIENTS)

    native(rig).control(f"cut {operation} torn {TORN_BYTES}" if torn else f"cut {operation}")
    rig.publish_trigger(rig.trigger_for(after))
    wait_power_lost(rig)
    for client in rig.streams.clients:
        client.close()
    mark = rig.console.mark()
    rig.board.power(True)

    boot = rig.console.wait_event("boot", READY_S, mark)
    images = {rig.image(role).image_sha256: role for role in (before, after)}
    assert boot["image_sha256"] in images, f"neither the old nor the new image runs: {boot}"
    if boot["ota_state"] == "PENDING_VERIFY":
        rig.console.wait_event("valid", UPDATE_TIMEOUT_S, boot.at_line)
    rig.console.wait_event("ready", READY_S, boot.at_line)
    rig.open_streams(CLIENTS)
    runs = images[boot["image_sha256"]]
    update(rig, before if runs == after else after)
    rig.record.observed |= {"cut": {"operation": operation, "torn": torn, "then_ran": runs}}
    rig.record.seen = f"cut at operation {operation} of {operations}{', torn' if torn else ''}: {runs} runs"
