# SPDX-License-Identifier: Apache-2.0
"""Brokers that are away or come again, and triggers in number, size and shape that nobody asked for."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from pytest_hil.plugin import BOARD
from pytest_hil.results.run_dir import RunDir
from pytest_hil.rig import Rig
from pytest_hil.services.broker import Broker
from pytest_hil.services.image_server import ReplyHandler, plain_reply
from pytest_hil.services.reply_fault import ReplyFault

from ..expectations import EVENT_SLACK_S, HEAP_UNDER_WAY
from .recovery import AFTER, BEFORE, fails, hears_again, is_as_before, publish, status_of, updates, wait_step

pytestmark = pytest.mark.faults

SELF_TEST_MS = 3000
SERVED_WITHOUT_BROKER_S = 20  # the app waits 5 s for its broker, then it serves
RECONNECTED_WITHIN_S = 30.0
BURST = 10_000
OUTBOX_EXPIRES_S = 60
BURST_HEAP = 65536  # of about 370 KB; without a limit it took all
MEGABYTE = 1 << 20
BYTES_PER_S = 1_000_000


class TestABrokerThatGoesAway:
    """Each test has a broker of its own."""

    @pytest.fixture
    def broker(self, request: pytest.FixtureRequest, run_dir: RunDir) -> Iterator[Broker]:
        """In place of the plugin's."""
        folder = run_dir.test_folder(request.node.nodeid) / "broker"
        with Broker(folder, bind=request.config.stash[BOARD].bind) as broker:
            yield broker

    @pytest.mark.hil(kind="promise")
    def test_is_down_at_boot(self, rig: Rig, broker: Broker) -> None:
        """The board serves without it, and takes triggers as soon as it is there."""
        broker.stop()
        rig.power_on("release")
        serves(rig)
        rig.open_streams(BEFORE)
        assert rig.console.events_named("ready") == []
        broker.start()
        rig.console.wait_event("ready", RECONNECTED_WITHIN_S)
        updates(rig, heap=False)  # before the servers started there was no connection to the broker

    @pytest.mark.smoke
    @pytest.mark.hil(kind="promise")
    def test_is_restarted_during_the_update(self, rig: Rig, broker: Broker) -> None:
        rig.start("release")
        rig.open_streams(BEFORE)
        trigger = rig.trigger_for("update")
        content = rig.image("update").app_bin.read_bytes()
        rig.bench.image_server.serve("/update.bin", content, ReplyFault(bytes_per_s=BYTES_PER_S))
        attempt = publish(rig, trigger)
        rig.console.wait_event("ota_progress", 30, attempt.mark)
        broker.stop()
        broker.start()
        rig.console.wait_event("boot", 30, attempt.mark)
        rig.wait_updated("update", attempt.mark)
        rig.open_streams(AFTER)

    @pytest.mark.hil(kind="promise")
    def test_is_away_when_the_new_image_boots(self, rig: Rig, broker: Broker) -> None:
        """An image that reaches no broker could never be updated again: it goes back, and the old one tells of it."""
        rig.start("release", {"self_test_ms": SELF_TEST_MS})
        rig.open_streams(BEFORE)
        trigger = rig.trigger_for("update")
        content = rig.image("update").app_bin.read_bytes()

        def without_broker(handler: ReplyHandler, content: bytes) -> None:
            broker.stop()
            plain_reply(handler, content)

        rig.bench.image_server.serve("/update.bin", content, without_broker)
        attempt = publish(rig, trigger)
        gone = rig.console.wait_event("rollback", 30, attempt.mark)
        assert gone["reason"] == "broker", f"{gone}"
        back = rig.console.wait_event("boot", EVENT_SLACK_S, gone.at_line)
        assert back["image_sha256"] == rig.image("release").image_sha256
        broker.start()
        rig.console.wait_event("rolled_back", RECONNECTED_WITHIN_S, back.at_line, reason="invalid")
        rig.console.wait_event("ready", EVENT_SLACK_S, back.at_line)
        updates(rig)


@pytest.mark.hil(kind="promise")
def test_a_trigger_that_is_delivered_twice_is_obeyed_once(rig: Rig) -> None:
    rig.start("release")
    rig.open_streams(BEFORE)
    trigger = rig.trigger_for("update", sha256="0" * 64)
    attempt = publish(rig, trigger)
    publish(rig, trigger)
    assert wait_step(rig, attempt, "refused", EVENT_SLACK_S)["reason"] == "replayed"
    fails(rig, attempt, "sha256")
    is_as_before(rig, attempt, "sha256")
    late = publish(rig, trigger)
    assert wait_step(rig, late, "refused", EVENT_SLACK_S)["reason"] == "replayed"
    assert len(rig.console.events_named("ota_begin")) == 1
    updates(rig)


@pytest.mark.hil(kind="promise")
@pytest.mark.parametrize("when", ["at once", "during the download"])
def test_of_two_triggers_the_first_is_obeyed(rig: Rig, when: str) -> None:
    rig.start("release")
    rig.open_streams(BEFORE)
    first, second = rig.trigger_for("update"), rig.trigger_for("control")
    content = rig.image("update").app_bin.read_bytes()
    rig.bench.image_server.serve("/update.bin", content, ReplyFault(bytes_per_s=BYTES_PER_S))
    attempt = publish(rig, first)
    if when == "during the download":
        rig.console.wait_event("ota_progress", 30, attempt.mark)
    publish(rig, second)
    assert wait_step(rig, attempt, "refused", EVENT_SLACK_S)["reason"] == "busy"
    rig.console.wait_event("boot", 30, attempt.mark)
    rig.wait_updated("update", attempt.mark)


FIELDS = ("url", "version", "sha256", "size", "counter")
WRONG: tuple[Any, ...] = (None, True, -1, 0.5, 1e300, "", "\0", [], {}, ["http://10.0.2.2/"], {"a": 1})
MESSAGES = (
    b"",
    b"{",
    b"null",
    b"[]",
    b'"trigger"',
    b"\xff\xfe\x00",
    b"{" * 1000,
    b"[" * 2000,
    b'{"url":' + b'"' + b"x" * 1900 + b'"}',
    b"\0" * 2048,
    b'{"nested":{"a":[1,2,{}]}}',
    json.dumps({"payload": 5, "sig": []}).encode(),
)


@pytest.mark.hil(kind="promise")
def test_whatever_is_no_trigger_is_refused(rig: Rig) -> None:
    """One board takes them all: missing fields, every wrong type in every field, and what is no JSON at all."""
    rig.start("release")
    rig.open_streams(BEFORE)
    good = rig.trigger_for("update")
    wrong: list[bytes] = [*MESSAGES]
    wrong += [json.dumps({k: v for k, v in good.items() if k != field}).encode() for field in FIELDS]
    wrong += [json.dumps(good | {field: value}).encode() for field in FIELDS for value in WRONG]
    for message in wrong:
        attempt = publish(rig, message)
        refused = rig.console.wait_event("trigger", EVENT_SLACK_S, attempt.mark)
        allowed = ("malformed", "too_large", "no_trigger_key")
        assert refused["accepted"] is False, f"obeyed: {message[:200]!r}"
        assert refused["reason"] in allowed, f"{refused} for {message[:200]!r}"
    status = status_of(rig)
    assert (status["triggers"], status["state"]) == ({"accepted": 0, "refused": len(wrong)}, "serving")
    streams_went_on(rig)
    updates(rig)


@pytest.mark.hil(kind="promise")
def test_fields_that_nobody_knows_change_nothing(rig: Rig) -> None:
    rig.start("release")
    rig.open_streams(BEFORE)
    attempt = publish(rig, rig.trigger_for("update", colour="blue", urls=None, Size=1))
    rig.console.wait_event("boot", 30, attempt.mark)
    rig.wait_updated("update", attempt.mark)


@pytest.mark.hil(kind="promise")
def test_a_trigger_of_a_megabyte(rig: Rig) -> None:
    rig.start("release")
    rig.open_streams(BEFORE)
    attempt = publish(rig, b'{"url":"' + b"x" * MEGABYTE)
    assert wait_step(rig, attempt, "refused", RECONNECTED_WITHIN_S)["reason"] == "too_large"
    streams_went_on(rig)
    updates(rig)


@pytest.mark.hil(kind="promise")
def test_a_burst_of_triggers(rig: Rig) -> None:
    """None is obeyed, the streams go on, the memory that it takes has a limit, and the next good trigger is heard.

    What the broker drops because the board lost its connection is nobody's loss.
    """
    rig.start("release", {"frame_ms": 100})
    rig.open_streams(BEFORE)
    rig.console.wait_event("beat", EVENT_SLACK_S, rig.console.mark())
    mark, before = rig.console.mark(), status_of(rig)
    for number in range(BURST):
        rig.mqtt.post(rig.topic("ota/trigger"), json.dumps({"number": number}))
    hears_again(rig)
    triggers = rig.console.events_named("trigger", mark)
    assert {event["reason"] for event in triggers} == {"malformed", "other_device"}
    assert len(triggers) > BURST / 100, f"only {len(triggers)} of {BURST} came through"
    streams_went_on(rig)
    end, after = rig.console.mark(), status_of(rig)
    assert before["heap"] - after["heap_min"] <= BURST_HEAP, f"before {before}, after {after}"
    # What was not answered when a connection was lost is kept for a while, to be sent again.
    rig.console.wait_event(
        "beat", OUTBOX_EXPIRES_S, end, such=lambda beat: int(beat["heap"]) >= before["heap"] - HEAP_UNDER_WAY
    )
    updates(rig, heap=False)


def serves(rig: Rig) -> None:
    """Nothing tells of servers that start without a broker: they are asked at each heartbeat."""
    mark = 0
    for _ in range(SERVED_WITHOUT_BROKER_S):
        mark = rig.console.wait_event("beat", EVENT_SLACK_S, mark).at_line + 1
        with contextlib.suppress(requests.RequestException):
            status_of(rig)
            return
    raise AssertionError(f"nobody is served {SERVED_WITHOUT_BROKER_S} s after power on, without a broker")


def streams_went_on(rig: Rig) -> None:
    for client in rig.streams.clients:
        client.wait_frames(client.check.frames + 5, EVENT_SLACK_S)
        assert client.check.problems == [], f"{client}: {client.check.problems}"
    assert rig.console.events_named("stop_begin") == []
