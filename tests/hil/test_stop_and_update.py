# SPDX-License-Identifier: Apache-2.0
"""Given streams, when an update is triggered, then the server stops, or fails to, as each row says."""

from __future__ import annotations

import pytest

from pytest_hil.rig import Rig
from pytest_hil.services.certificates import Authority

from .scenarios import SCENARIOS, Scenario


@pytest.mark.parametrize("scenario", [scenario.as_param() for scenario in SCENARIOS])
def test_stop(rig: Rig, scenario: Scenario, authority: Authority) -> None:
    provisioning = {"stream_mode": scenario.stream_mode, **scenario.provisioning}
    if scenario.tls:
        provisioning |= rig.tls_streams(authority)
    rig.start(scenario.image, provisioning)
    rig.record.strategy = scenario.strategy
    rig.open_streams(scenario.clients)
    trigger = rig.trigger_for("update", **scenario.trigger)
    if scenario.strategy != "graceful":
        trigger["stop"] = scenario.strategy
    if scenario.trigger.get("reuse"):
        trigger["reuse_to"] = f"{rig.board.runner_host}:{rig.tcp_sink.port}"

    mark = rig.publish_trigger(trigger)
    accepted = rig.console.wait_event("trigger", 5, mark)
    assert accepted["accepted"] is True, f"the trigger was refused: {accepted}"

    scenario.expected(rig, mark)
