# SPDX-License-Identifier: Apache-2.0
"""A board with a trigger key obeys whoever has the other half of it, and nobody else; the streams go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pytest_hil.boards.protocol import Capability, need
from pytest_hil.rig import Rig
from pytest_hil.services.signing import TriggerKey
from pytest_hil.streams import StreamPlan

from . import expectations as seen
from .test_refused_triggers import FAST, is_refused_and_streams_go_on

Fields = dict[str, Any]
Change = Callable[[Rig, TriggerKey, Fields], Any]  # from a trigger's fields to what is published


def altered(rig: Rig, key: TriggerKey, fields: Fields) -> Fields:
    """Signed, and then another image put in its place."""
    signed = rig.signed(fields, key)
    payload = signed["payload"].replace(fields["sha256"], "0" * 64)
    assert payload != signed["payload"]
    return signed | {"payload": payload}


def of_another_trigger(rig: Rig, key: TriggerKey, fields: Fields) -> Fields:
    other = rig.signed(fields | {"counter": fields["counter"] + 1}, key)
    return rig.signed(fields, key) | {"sig": other["sig"]}


ROWS: tuple[tuple[str, str, Change], ...] = (
    ("unsigned", "unsigned", lambda _rig, _key, fields: fields),
    ("signed by another key", "signature", lambda rig, _key, fields: rig.signed(fields, TriggerKey())),
    ("payload altered", "signature", altered),
    ("another trigger's signature", "signature", of_another_trigger),
    ("no signature at all", "malformed", lambda rig, key, fields: {"payload": rig.signed(fields, key)["payload"]}),
    ("no base64", "signature", lambda rig, key, fields: rig.signed(fields, key) | {"sig": "?" * 96}),
    ("another device", "other_device", lambda rig, key, fields: rig.signed(fields | {"device": "another"}, key)),
    ("no device", "malformed", lambda _rig, key, fields: key.signed(fields)),
    ("signed, but the running version", "same_version", lambda r, key, f: r.signed(f | {"version": "1.0.0"}, key)),
)


@pytest.mark.hil(kind="promise")
def test_a_signed_trigger_is_accepted_and_updates(rig: Rig, trigger_key: TriggerKey) -> None:
    rig.start("release", FAST | {"trigger_key": trigger_key.public_pem})
    rig.open_streams(StreamPlan(mjpeg=2, ws=1))
    mark = rig.publish_trigger(rig.trigger_for("update"), sign_with=trigger_key)
    seen.stops_and_updates(rig, mark)


@pytest.mark.hil(kind="promise")
@pytest.mark.parametrize(("reason", "change"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_refused(rig: Rig, trigger_key: TriggerKey, reason: str, change: Change) -> None:
    rig.start("release", FAST | {"trigger_key": trigger_key.public_pem})
    rig.open_served(StreamPlan(mjpeg=1, ws=1))
    is_refused_and_streams_go_on(rig, change(rig, trigger_key, rig.trigger_for("update")), reason)


@pytest.mark.hil(kind="promise")
def test_a_replay_is_refused_though_its_signature_is_good(rig: Rig, trigger_key: TriggerKey) -> None:
    rig.start("release", FAST | {"trigger_key": trigger_key.public_pem})
    used = rig.signed(rig.trigger_for("update", sha256="0" * 64), trigger_key)
    mark = rig.publish_trigger(used)
    rig.wait_status("failed", 20)
    rig.console.wait_event("ready", 10, mark, again=True)
    rig.open_served(StreamPlan(mjpeg=1, ws=1))
    is_refused_and_streams_go_on(rig, used, "replayed")


@pytest.mark.faults
@pytest.mark.hil(kind="promise")
def test_a_replay_is_refused_by_every_later_life(rig: Rig, trigger_key: TriggerKey) -> None:
    """After a reset, after a loss of power, and by the image that the trigger itself brought."""
    rig.start("release", FAST | {"trigger_key": trigger_key.public_pem})
    need(rig.board, Capability.CUT_POWER)
    failed = rig.signed(rig.trigger_for("update", sha256="0" * 64), trigger_key)
    rig.publish_trigger(failed)
    rig.wait_status("failed", 20)
    for stays_on in (True, False):
        mark = rig.console.mark()
        if stays_on:
            rig.board.reset()
        else:
            rig.board.power(on=False)
            rig.board.power(on=True)
        rig.console.wait_event("ready", 10, rig.console.wait_event("boot", 10, mark).at_line)
        rig.streams.close()
        rig.streams.clients.clear()
        rig.open_served(StreamPlan(mjpeg=1, ws=1))
        is_refused_and_streams_go_on(rig, failed, "replayed")
    good = rig.signed(rig.trigger_for("update"), trigger_key)
    mark = rig.publish_trigger(good)
    boot = rig.wait_updated("update", mark)
    rig.console.wait_event("ready", 10, boot.at_line)
    rig.streams.close()
    rig.streams.clients.clear()
    rig.open_served(StreamPlan(mjpeg=1, ws=1))
    is_refused_and_streams_go_on(rig, good, "replayed")


@pytest.mark.hil(kind="promise")
def test_with_a_key_that_is_none_nothing_is_obeyed(rig: Rig, trigger_key: TriggerKey) -> None:
    """A slip at provisioning must not leave a board that obeys anybody."""
    rig.start("release", FAST | {"trigger_key": trigger_key.public_pem.replace("M", "N")})
    rig.open_streams(StreamPlan(mjpeg=1))
    is_refused_and_streams_go_on(rig, rig.trigger_for("update"), "trigger_key")
    is_refused_and_streams_go_on(rig, rig.signed(rig.trigger_for("update"), trigger_key), "trigger_key")


@pytest.mark.hil(kind="promise")
def test_a_signature_that_nobody_can_check_does_not_count(rig: Rig, trigger_key: TriggerKey) -> None:
    rig.start("release", FAST)
    rig.open_streams(StreamPlan(mjpeg=1))
    is_refused_and_streams_go_on(rig, rig.signed(rig.trigger_for("update"), trigger_key), "no_trigger_key")
