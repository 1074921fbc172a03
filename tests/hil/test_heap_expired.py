# SPDX-License-Identifier: Apache-2.0
"""The last bytes: what connections in TIME-WAIT held is free too, once they have expired. Waits for minutes."""

from __future__ import annotations

import pytest

from pytest_hil.rig import Rig
from pytest_hil.streams import CONTROL_PORT, StreamPlan

EXPIRY_S = 180.0  # lwIP: 2 * TCP_MSL = 120 s, looked at twice a second
HEAP_SLACK = 256  # bytes; the allocator may split blocks differently


@pytest.mark.slow
@pytest.mark.hil(kind="promise")
def test_all_heap_is_back_when_closing_connections_have_expired(rig: Rig) -> None:
    ready = rig.start("release")
    rig.open_streams(StreamPlan(mjpeg=2, ws=2, idle=2))
    mark = rig.publish_trigger(rig.trigger_for("update", sha256="0" * 64))
    rig.console.wait_event("ready", 20, mark, again=True)
    for client in rig.streams.clients:
        client.wait_end(5)

    # The servers run again and nobody is connected: as at the first `ready`, once nothing is closing any more.
    rig.console.wait_event("beat", EXPIRY_S, mark, such=lambda beat: beat["heap"] >= ready["heap"] - HEAP_SLACK)

    mark = rig.publish_trigger(rig.trigger_for("update", sha256="0" * 64))
    stop = rig.console.wait_event("stop_end", 10, mark, server=CONTROL_PORT)
    assert stop["heap_after"] >= ready["heap_idle"] - HEAP_SLACK, f"{stop}"
