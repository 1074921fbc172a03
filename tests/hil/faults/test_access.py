# SPDX-License-Identifier: Apache-2.0
"""A broker with users and access rules: a device can neither hear nor trigger another, nor pass for it.

The broker speaks TLS alone; how a real one is set up so is in docs/broker.md. The same attack on a broker without rules
goes through: it is no wonder of the attacker's doing when it fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pytest_hil.boards.config import BoardConfig
from pytest_hil.plugin import BOARD
from pytest_hil.results.run_dir import RunDir
from pytest_hil.rig import Rig
from pytest_hil.services.broker import Broker, BrokerAccess
from pytest_hil.services.certificates import Authority
from pytest_hil.services.mqtt import MqttClient

from ..expectations import EVENT_SLACK_S
from .recovery import BEFORE, publish, wait_step

pytestmark = pytest.mark.faults

VICTIM, ATTACKER = "cam-1", "cam-2"
PASSWORDS = {VICTIM: "the first's", ATTACKER: "the second's"}
EVERYTHING = ("hil/#", "#", f"hil/{VICTIM}/ota/trigger", f"hil/{VICTIM}/#", "hil/+/ota/trigger")


@pytest.fixture(params=["rules"])
def rules(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "rules")


@pytest.fixture
def broker(request: pytest.FixtureRequest, run_dir: RunDir, authority: Authority, rules: bool) -> Iterator[Broker]:
    """In place of the plugin's."""
    board: BoardConfig = request.config.stash[BOARD]
    identity = authority.issue(board.tell, "127.0.0.1")
    trust = authority.trust("127.0.0.1")
    access = BrokerAccess(identity, authority.certificate, trust, "hil", "the bench's", PASSWORDS if rules else {})
    with Broker(run_dir.test_folder(request.node.nodeid) / "broker", access=access, bind=board.bind) as broker:
        yield broker


@pytest.fixture
def victim(rig: Rig, broker: Broker, rules: bool) -> Rig:
    """A board that is a device of its own, with streams on."""
    rig.bench = replace(rig.bench, device_id=VICTIM)
    assert broker.access is not None
    user = {"broker_user": VICTIM, "broker_pass": PASSWORDS[VICTIM]} if rules else {}
    rig.start("release", {"ca": broker.access.ca, **user})
    rig.open_streams(BEFORE)
    return rig


def as_attacker(broker: Broker, topics: str, name: str = "") -> MqttClient:
    """A client with the other device's password, or the shared one where there are no rules."""
    access = broker.access
    assert access is not None
    if access.devices:
        access = replace(access, user=ATTACKER, password=PASSWORDS[ATTACKER])
    return MqttClient(broker.host, broker.port, topics, access, name)


def is_answered(rig: Rig) -> None:
    """The bench's own trigger, no good one, goes the same way as everybody's and behind all that was sent before."""
    answer = publish(rig, "still there?")
    assert wait_step(rig, answer, "refused", EVENT_SLACK_S)["reason"] == "malformed"


def updates_over_it(rig: Rig) -> None:
    attempt = publish(rig, rig.trigger_for("update"))
    rig.console.wait_event("boot", 30, attempt.mark)
    rig.wait_updated("update", attempt.mark)
    assert wait_step(rig, attempt, "valid", EVENT_SLACK_S)


@pytest.mark.smoke
@pytest.mark.hil(kind="promise")
def test_another_device_neither_hears_nor_triggers(victim: Rig, broker: Broker) -> None:
    """Nor does it tell a state that is not its own; the victim never notices, and updates when the bench says so."""
    for topics in EVERYTHING:
        with as_attacker(broker, topics) as attacker:
            is_answered(victim)
            assert attacker.messages == [], f"subscribed to {topics}, it heard what was not for it"
    mark, forged = victim.console.mark(), json.dumps(victim.trigger_for("update"))
    with as_attacker(broker, "#") as attacker:  # the broker may end its connection for each of these
        attacker.publish(victim.topic("ota/trigger"), forged)
        attacker.publish(victim.topic("state"), "offline")
        attacker.publish(victim.topic("ota/status"), '{"step":"valid"}')
    is_answered(victim)
    assert len(victim.console.events_named("trigger", mark)) == 1, "it triggered the victim"
    told = [m for m in victim.mqtt.messages if m.topic == victim.topic("state") or b'"valid"' in m.payload]
    assert [m.payload for m in told] == [b"online"], "the other device passed for the victim"
    assert victim.console.events_named("stop_begin") == []
    updates_over_it(victim)


@pytest.mark.hil(kind="promise")
def test_another_devices_name_does_not_throw_it_out(victim: Rig, broker: Broker) -> None:
    """A client id that is taken ends the connection of whoever had it; here it is the user's name, whatever is said."""
    with as_attacker(broker, "hil/#", f"hil-{VICTIM}"):
        is_answered(victim)
        assert "already connected" not in broker.log_path.read_text()
        updates_over_it(victim)


@pytest.mark.hil(kind="observation")
@pytest.mark.parametrize("rules", ["none"], indirect=True)
def test_without_rules_the_same_attack_goes_through(victim: Rig, broker: Broker) -> None:
    with as_attacker(broker, "hil/#") as attacker:
        mark = victim.console.mark()
        attacker.publish(victim.topic("ota/trigger"), "not the bench's")
        victim.console.wait_event("trigger", EVENT_SLACK_S, mark)
        attacker.wait_message(victim.topic("ota/trigger"), lambda m: m.payload == b"not the bench's", EVENT_SLACK_S)
