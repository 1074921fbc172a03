# SPDX-License-Identifier: Apache-2.0
"""The versions in a row: what is in the field, where its image is given as `previous`, becomes the candidate, and the
candidate its successor. A release from which nobody gets away is the worst of all."""

from __future__ import annotations

import pytest

from pytest_hil.boards.artifacts import Artifacts
from pytest_hil.errors import UsageError
from pytest_hil.plugin import artifacts_path
from pytest_hil.rig import Rig
from pytest_hil.streams import StreamPlan

from .expectations import EVENT_SLACK_S, assert_every_frame_whole


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    try:
        images = Artifacts.read(artifacts_path(metafunc.config)).images
    except UsageError:
        images = {}  # told when the first board is started
    chain = tuple(role for role in ("previous", "release", "update") if role != "previous" or role in images)
    metafunc.parametrize("chain", [chain], ids=["-".join(chain)])


@pytest.mark.hil(kind="promise")
def test_each_version_becomes_the_next(rig: Rig, chain: tuple[str, ...]) -> None:
    rig.start(chain[0])
    for role in chain[1:]:
        clients = len(rig.streams.clients)
        rig.open_served(StreamPlan(mjpeg=2, ws=1))
        mark = rig.publish_trigger(rig.trigger_for(role))
        boot = rig.wait_updated(role, mark)
        rig.console.wait_event("ready", EVENT_SLACK_S, boot.at_line)
        for client in rig.streams.clients[clients:]:
            ending = client.wait_end(EVENT_SLACK_S)
            assert ending.how == ("close 1001" if client.kind == "ws" else "complete"), f"{client} ended with {ending}"
            assert_every_frame_whole(client)
