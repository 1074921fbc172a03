# SPDX-License-Identifier: Apache-2.0
"""Clients that take all there is, or keep to no rule: both servers stop in time, and the new image serves others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from pytest_hil.rig import Rig
from pytest_hil.services.rude_clients import ConnectFlood, HalfClosedClient, ReconnectingClient, SlowLorisClient
from pytest_hil.services.rude_websockets import MuteWebSocketClient, TalkingWebSocketClient
from pytest_hil.streams import CONTROL_PORT, STREAM_PORT, StreamPlan

from ..scenarios import WORKERS_SINCE
from .recovery import publish, stops_in_time

pytestmark = pytest.mark.faults

SESSIONS = 5  # of the stream server
FIRST_FRAMES_S = 10.0


@dataclass(frozen=True)
class ClientFault:
    """One row: who is there when the trigger comes."""

    name: str
    open: Callable[[Rig], None]
    leave: bool = False  # before the new image is asked to serve others
    smoke: bool = False

    def as_param(self, stream_mode: str) -> object:
        marks = [pytest.mark.hil(kind="promise", idf=WORKERS_SINCE if stream_mode == "workers" else "")]
        if self.smoke and stream_mode == "workers":
            marks.append(pytest.mark.smoke)
        return pytest.param(self, stream_mode, id=f"{self.name}-{stream_mode}", marks=marks)


def all_sessions(rig: Rig) -> None:
    """And two more, which find no room."""
    for _ in range(SESSIONS):
        rig.streams.half()
    for _ in range(2):
        rig.streams.mjpeg()


def half_beside_streams(rig: Rig) -> None:
    """The server's loop waits in receive; when it is freed, closing what was shut must not cost it the stop."""
    rig.open_streams(StreamPlan(ws=2, mjpeg=1 if rig.stream_mode == "inline" else 2))
    rig.streams.half()


def flood(rig: Rig) -> None:
    for port in (STREAM_PORT, CONTROL_PORT):
        where = rig.board.endpoint(port)
        rig.streams.add(ConnectFlood(where.host, where.port, len(rig.streams.clients)))


def loris(rig: Rig) -> None:
    for port in (STREAM_PORT, CONTROL_PORT):
        where = rig.board.endpoint(port)
        rig.streams.add(SlowLorisClient(where.host, where.port, len(rig.streams.clients)))


def half_closed(rig: Rig) -> None:
    where = rig.board.endpoint(STREAM_PORT)
    for _ in range(2):
        rig.streams.add(HalfClosedClient(where.host, where.port, len(rig.streams.clients)))


def reconnecting(rig: Rig) -> None:
    where = rig.board.endpoint(STREAM_PORT)
    for _ in range(3):
        rig.streams.add(ReconnectingClient(where.host, where.port, len(rig.streams.clients)))


def mute_websockets(rig: Rig) -> None:
    where = rig.board.endpoint(STREAM_PORT)
    for _ in range(2):
        client = rig.streams.add(MuteWebSocketClient(where.host, where.port, len(rig.streams.clients)))
        client.wait_frames(3, FIRST_FRAMES_S)


def fragments(rig: Rig) -> None:
    where = rig.board.endpoint(STREAM_PORT)
    client = TalkingWebSocketClient(where.host, where.port, len(rig.streams.clients), payload=b"f" * 60, pieces=3)
    rig.streams.add(client).wait_frames(10, FIRST_FRAMES_S)


def large_frames(rig: Rig) -> None:
    """A message of 64 KB is more than the app takes: its session ends, and nobody else's."""
    where = rig.board.endpoint(STREAM_PORT)
    client = TalkingWebSocketClient(where.host, where.port, len(rig.streams.clients), payload=b"l" * 65536)
    rig.streams.add(client).wait_end(FIRST_FRAMES_S)


CLIENT_FAULTS = (
    ClientFault("all sessions taken", all_sessions),
    ClientFault("200 connects a second", flood, leave=True, smoke=True),
    ClientFault("half a request beside streams", half_beside_streams),
    ClientFault("slow loris", loris),
    ClientFault("half closed", half_closed),
    ClientFault("reconnecting at once", reconnecting, leave=True),
    ClientFault("never answers CLOSE", mute_websockets),
    ClientFault("sends fragments", fragments),
    ClientFault("sends 64 KB frames", large_frames),
)


@pytest.mark.parametrize(
    ("fault", "stream_mode"), [fault.as_param(mode) for mode in ("workers", "inline") for fault in CLIENT_FAULTS]
)
def test_clients(rig: Rig, fault: ClientFault, stream_mode: str) -> None:
    rig.start("release", {"stream_mode": stream_mode})
    fault.open(rig)
    attempt = publish(rig, rig.trigger_for("update"))
    stops_in_time(rig, attempt)
    rig.console.wait_event("boot", 30, attempt.mark)
    boot = rig.wait_updated("update", attempt.mark)
    rig.console.wait_event("ready", 10, boot.at_line)
    if fault.leave:
        for client in rig.streams.clients:
            client.close()
    after = StreamPlan(mjpeg=1) if stream_mode == "inline" else StreamPlan(mjpeg=1, ws=1)
    seen = len(rig.streams.served)
    rig.open_streams(after)
    for client in rig.streams.served[seen:]:
        client.wait_frames(5, FIRST_FRAMES_S)
        assert client.check.problems == []
