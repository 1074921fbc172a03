# SPDX-License-Identifier: Apache-2.0
"""The clients of one test: which there are to be, which of them a server can serve at once, and how they ended."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

from .boards.protocol import Endpoint
from .services.board_connection import get_page
from .services.certificates import Trust
from .services.client import StreamClient
from .services.mjpeg_client import MjpegClient
from .services.plain_clients import HalfRequestClient, IdleClient, SilentTlsClient, StuckClient
from .services.websocket_client import WebSocketClient

_Client = TypeVar("_Client", bound=StreamClient)

SLOW_INTERVAL_MS = 500
FIRST_FRAMES = 3  # a client counts as served once it has that many
FIRST_FRAMES_TIMEOUT_S = 10.0
CONTROL_PORT = 80
STREAM_PORT = 81


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """How many clients of each kind."""

    mjpeg: int = 0
    ws: int = 0
    idle: int = 0  # a connection to the control server, kept alive
    stalled: int = 0  # an MJPEG client that stops reading
    stalled_ws: int = 0
    half: int = 0  # half a request to the stream server
    half_control: int = 0  # the same to the control server
    slow: int = 0
    stuck: int = 0  # asks for the page whose handler never ends
    silent: int = 0  # begins a TLS handshake and falls silent

    def served_by(self, stream_mode: str) -> StreamPlan:
        """What of it is served at one time: `inline` an MJPEG stream holds the server's task, and nobody else is."""
        return replace(self, mjpeg=1, ws=0) if stream_mode == "inline" and self.mjpeg else self

    def as_json(self) -> dict[str, int]:
        return asdict(self)

    def __str__(self) -> str:
        return " ".join(f"{count} {kind}" for kind, count in asdict(self).items() if count) or "no client"


class Streams:
    """Opens clients, knows them by kind, closes whatever is left."""

    def __init__(self, endpoint: Callable[[int], Endpoint], patience: float = 1.0) -> None:
        self._endpoint = endpoint
        self._patience = patience
        self._opened = contextlib.ExitStack()
        self.trust: Trust | None = None  # set where the stream server speaks TLS
        self.clients: list[StreamClient] = []
        self._outlived: set[StreamClient] = set()
        self.served: list[StreamClient] = []  # those whose frames came before `open` returned

    def open(self, plan: StreamPlan, stream_mode: str) -> None:
        """Opens all of the plan and returns when those that can be served are being served.

        Not those that hold the server's task for ever: whoever opens them (`stuck`, `silent`) must know when they do.
        `inline`: an MJPEG stream holds the server's one task, so the first is served and the others wait.
        """
        inline = stream_mode == "inline"
        # WebSockets and idle clients cannot be served while a stream holds the task, so they come before it.
        for _ in range(plan.idle):
            self.idle()
        self._await_frames([self.websocket() for _ in range(plan.ws)])
        self._await_frames([self.websocket(stall_after=FIRST_FRAMES) for _ in range(plan.stalled_ws)])
        ways = ["mjpeg"] * plan.mjpeg + ["slow"] * plan.slow + ["stalled"] * plan.stalled
        if inline:
            self._await_frames([self._mjpeg(way) for way in ways[:1]])
            for way in ways[1:]:
                self._mjpeg(way).wait_asked(FIRST_FRAMES_TIMEOUT_S)
        else:
            self._await_frames([self._mjpeg(way) for way in ways])
        for _ in range(plan.half):
            self.half()
        for _ in range(plan.half_control):
            self.half(CONTROL_PORT)
        if plan.half_control:
            self._round_trip(STREAM_PORT)
        elif plan.half or self.waiting:
            self._round_trip(CONTROL_PORT)

    def _round_trip(self, free_port: int) -> None:
        """Packets reach the board in order: once this is answered, whatever it is, it has what was sent before."""
        where = self._endpoint(free_port)
        get_page(f"http://{where}/status", FIRST_FRAMES_TIMEOUT_S * self._patience)

    def _await_frames(self, clients: Sequence[StreamClient]) -> None:
        for client in clients:
            client.wait_frames(FIRST_FRAMES, FIRST_FRAMES_TIMEOUT_S)
            self.served.append(client)

    def _mjpeg(self, way: str) -> MjpegClient:
        path = f"/stream?interval_ms={SLOW_INTERVAL_MS}" if way == "slow" else "/stream"
        return self.mjpeg(path, FIRST_FRAMES if way == "stalled" else None)

    def mjpeg(self, path: str = "/stream", stall_after: int | None = None) -> MjpegClient:
        where = self._endpoint(STREAM_PORT)
        number, trust = len(self.clients), self.trust
        return self.add(MjpegClient(where.host, where.port, number, path, stall_after=stall_after, trust=trust))

    def websocket(self, stall_after: int | None = None) -> WebSocketClient:
        where = self._endpoint(STREAM_PORT)
        number, trust = len(self.clients), self.trust
        return self.add(WebSocketClient(where.host, where.port, number, stall_after=stall_after, trust=trust))

    def idle(self) -> IdleClient:
        where = self._endpoint(CONTROL_PORT)
        return self.add(IdleClient(where.host, where.port, len(self.clients)))

    def half(self, board_port: int = STREAM_PORT) -> HalfRequestClient:
        where = self._endpoint(board_port)
        return self.add(HalfRequestClient(where.host, where.port, len(self.clients)))

    def stuck(self) -> StuckClient:
        where = self._endpoint(STREAM_PORT)
        return self.add(StuckClient(where.host, where.port, len(self.clients)))

    def silent(self) -> SilentTlsClient:
        where = self._endpoint(STREAM_PORT)
        return self.add(SilentTlsClient(where.host, where.port, len(self.clients)))

    def add(self, client: _Client) -> _Client:
        """Starts it; it is closed with the others."""
        client.patience = self._patience
        self.clients.append(client)
        self._opened.callback(client.close)
        client.start()
        return client

    def of_kind(self, kind: str) -> list[StreamClient]:
        return [client for client in self.clients if client.kind == kind]

    @property
    def waiting(self) -> list[StreamClient]:
        """Clients that asked for a stream while another held the server's task."""
        return [client for client in self.clients if client.kind == "mjpeg" and client not in self.served]

    def over(self) -> None:
        """The test is over, and the board goes next: how those end that are still connected says nothing about it."""
        self._outlived = {client for client in self.clients if not client.ended.is_set()}

    def close(self) -> None:
        self._opened.close()

    def write_log(self, path: Path, clock_began: float) -> None:
        """What each client saw: JSON, one line each. Times count from its own beginning, that from the clock's."""
        rows = [c.report(clock_began).as_json() | {"outlived_test": c in self._outlived} for c in self.clients]
        reports = [json.dumps(row) for row in rows]
        path.write_text("[\n" + ",\n".join(reports) + "\n]\n")
