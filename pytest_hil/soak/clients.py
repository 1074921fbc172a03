# SPDX-License-Identifier: Apache-2.0
"""Clients of one step of a cycle: the mix of the plan, and who keeps to no rule."""

from __future__ import annotations

from collections.abc import Callable

from ..rig import Rig
from ..services.client import StreamClient
from ..services.rude_clients import ConnectFlood, HalfClosedClient, ReconnectingClient, SlowLorisClient
from ..services.rude_websockets import MuteWebSocketClient
from ..streams import CONTROL_PORT, FIRST_FRAMES, STREAM_PORT, StreamPlan, Streams

Make = Callable[[str, int, int], StreamClient]

# 200 a second, as in tests/hil/faults, outrun a server of two sessions: libslirp then holds hundreds of connects for a
# minute, and its memory says nothing about leaks.
FLOOD_A_SECOND = 20


def slow_flood(host: str, port: int, number: int) -> ConnectFlood:
    return ConnectFlood(host, port, number, FLOOD_A_SECOND)


RUDE: dict[str, tuple[Make, int]] = {
    "flood": (slow_flood, CONTROL_PORT),
    "half closed": (HalfClosedClient, STREAM_PORT),
    "loris": (SlowLorisClient, CONTROL_PORT),
    "mute websocket": (MuteWebSocketClient, STREAM_PORT),
    "reconnecting": (ReconnectingClient, STREAM_PORT),
}


def open_clients(rig: Rig, plan: StreamPlan, rude: str | None) -> Streams:
    """Opens them on the board of `rig`; returns when those that can be served are. The caller closes them."""
    streams = Streams(rig.board.endpoint)
    try:
        streams.open(StreamPlan(mjpeg=plan.mjpeg, ws=plan.ws, idle=plan.idle), rig.stream_mode)
        for _ in range(plan.stalled):
            streams.mjpeg(stall_after=FIRST_FRAMES)
        for _ in range(plan.half):
            streams.half()
        if rude is not None:
            make, port = RUDE[rude]
            where = rig.board.endpoint(port)
            streams.add(make(where.host, where.port, len(streams.clients)))
    except BaseException:
        streams.close()
        raise
    return streams
