# SPDX-License-Identifier: Apache-2.0
"""The last bytes: what closing connections held is free too once they have expired, and no cycle keeps any.

Waits for minutes: lwIP gives up a FIN-WAIT-2 after 20 s and a TIME-WAIT after 2 * TCP_MSL = 120 s.
"""

from __future__ import annotations

import pytest

from pytest_hil.rig import Rig
from pytest_hil.streams import CONTROL_PORT, StreamPlan

CYCLES = 3
EXPIRY_S = 150.0
# Each task takes a semaphore of its own at its first call of lwIP and keeps it: stream workers and update task together
# 672 bytes. A cycle that leaked as little as 200 bytes would show.
FIRST_CALLS_BYTES = 1024


@pytest.mark.slow
@pytest.mark.hil(kind="promise")
def test_all_heap_is_back_when_closing_connections_have_expired(rig: Rig) -> None:
    ready = rig.start("release")
    for _ in range(CYCLES):
        rig.open_streams(StreamPlan(mjpeg=2, ws=2, idle=2))
        mark = rig.publish_trigger(rig.trigger_for("update", sha256="0" * 64))
        rig.console.wait_event("ready", 20, mark, again=True)
        for client in rig.streams.clients:
            client.wait_end(5)

    # The servers run again and nobody is connected: as at the first `ready`, once nothing is closing any more.
    enough = ready["heap"] - FIRST_CALLS_BYTES
    rig.console.wait_event("beat", EXPIRY_S, mark, such=lambda beat: int(beat["heap"]) >= enough)
    rig.console.record.linger(EXPIRY_S - 20)

    mark = rig.publish_trigger(rig.trigger_for("update", sha256="0" * 64))
    stop = rig.console.wait_event("stop_end", 10, mark, server=CONTROL_PORT)
    assert stop["closing_pcbs"] == 0, f"connections are still closing: {stop}"
    assert stop["heap_after"] >= ready["heap_idle"] - FIRST_CALLS_BYTES, f"{stop}"
