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
RUDE: dict[str, tuple[Make, int]] = {
    "flood": (ConnectFlood, CONTROL_PORT),
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
