# SPDX-License-Identifier: Apache-2.0
"""The last bytes: what closing connections held is free too once they have expired, and no cycle keeps any.

Waits for minutes: lwIP gives up a FIN-WAIT-2 after 20 s and a TIME-WAIT after 2 * TCP_MSL = 120 s.
"""

from __future__ import annotations

import pytest

from pytest_hil.rig import Rig
from pytest_hil.streams import CONTROL_PORT, StreamPlan

CYCLES = 6
EXPIRY_S = 130.0
# What stays once: each task takes a semaphore of its own at its first call of lwIP, and freed blocks are reused for
# slightly smaller ones. Measured: 500 bytes after 20 cycles without clients; with clients 670 after one cycle, 1060
# after six, 1310 after twenty. A leak of 100 bytes a cycle would show.
STAYS_BYTES = 1536
UNDER_WAY_BYTES = 512  # while the servers stop, a status message waits for its acknowledgement


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
    rig.console.record.linger(EXPIRY_S)
    beat = rig.console.wait_event("beat", 5, rig.console.mark())
    assert beat["heap"] >= ready["heap"] - STAYS_BYTES, f"{ready['heap'] - beat['heap']} bytes are not back"

    mark = rig.publish_trigger(rig.trigger_for("update", sha256="0" * 64))
    stop = rig.console.wait_event("stop_end", 10, mark, server=CONTROL_PORT)
    assert stop["closing_pcbs"] == 0, f"connections are still closing: {stop}"
    missing = ready["heap_idle"] - stop["heap_after"]
    assert missing <= STAYS_BYTES + UNDER_WAY_BYTES, f"{missing} bytes are not back: {stop}"
