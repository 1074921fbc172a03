# SPDX-License-Identifier: Apache-2.0
"""Where the scenarios make an allowance for a kind of board, and that they make it for no other."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pytest_hil.console.events import Event
from pytest_hil.results.record import TestRecord
from tests.hil.expectations import was_reset_by


def rig_of(kind: str) -> Any:
    return SimpleNamespace(board=SimpleNamespace(kind=kind), record=TestRecord("t"))


def boot(reason: str) -> Event:
    return Event("boot", 0, 1, 1, 7, 0.1, {"reset_reason": reason})


@pytest.mark.parametrize("kind", ["native", "serial", "espemu", "qemu"])
def test_a_reset_reason_is_what_it_was(kind: str) -> None:
    was_reset_by(rig_of(kind), boot("PANIC"), "PANIC")
    with pytest.raises(AssertionError, match="reset reason SW, expected PANIC"):
        was_reset_by(rig_of(kind), boot("SW"), "PANIC")


def test_poweron_will_do_in_qemu_alone_and_is_told() -> None:
    rig = rig_of("qemu")
    was_reset_by(rig, boot("POWERON"), "PANIC")
    assert rig.record.observed == {"reset_reason": "POWERON, as of every reset of this emulator; it was PANIC"}
    for kind in ("native", "serial", "espemu"):
        with pytest.raises(AssertionError, match="reset reason POWERON"):
            was_reset_by(rig_of(kind), boot("POWERON"), "PANIC")
