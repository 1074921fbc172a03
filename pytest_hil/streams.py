# SPDX-License-Identifier: Apache-2.0
"""The clients of one test: which there are to be, which of them a server can serve at once, and how they ended."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import requests

from .boards.protocol import Endpoint
from .services.client import StreamClient
from .services.mjpeg_client import MjpegClient
from .services.plain_clients import HalfRequestClient, IdleClient
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
    idle: int = 0
    stalled: int = 0
    half: int = 0
    slow: int = 0

    def as_json(self) -> dict[str, int]:
        return asdict(self)

    def __str__(self) -> str:
        return " ".join(f"{count} {kind}" for kind, count in asdict(self).items() if count) or "no client"


class Streams:
    """Opens clients, knows them by kind, closes whatever is left."""

    def __init__(self, endpoint: Callable[[int], Endpoint]) -> None:
        self._endpoint = endpoint
        self._opened = contextlib.ExitStack()
        self.clients: list[StreamClient] = []
        self.served: list[StreamClient] = []  # those whose frames came before `open` returned

    def open(self, plan: StreamPlan, stream_mode: str) -> None:
        """Opens all of the plan and returns when those that can be served are being served.

        `inline`: an MJPEG stream holds the server's one task, so the first is served and the others wait.
        """
        inline = stream_mode == "inline"
        # WebSockets and idle clients cannot be served while a stream holds the task, so they come before it.
        for _ in range(plan.idle):
            self.idle()
        for _ in range(plan.ws):
            self._await_frames(self.websocket())
        held = False
        ways = ["mjpeg"] * plan.mjpeg + ["slow"] * plan.slow + ["stalled"] * plan.stalled
        for way in ways:
            client = self.mjpeg(
                path=f"/stream?interval_ms={SLOW_INTERVAL_MS}" if way == "slow" else "/stream",
                stall_after=FIRST_FRAMES if way == "stalled" else None,
            )
            if held:
                client.wait_asked(FIRST_FRAMES_TIMEOUT_S)
            else:
                self._await_frames(client)
            held = inline
        for _ in range(plan.half):
            self.half()
        if plan.half or self.waiting:
            self._round_trip()

    def _round_trip(self) -> None:
        """Packets reach the board in order: once this is answered, it has what was sent before."""
        where = self._endpoint(CONTROL_PORT)
        requests.get(f"http://{where}/status", timeout=FIRST_FRAMES_TIMEOUT_S).raise_for_status()

    def _await_frames(self, client: StreamClient) -> None:
        client.wait_frames(FIRST_FRAMES, FIRST_FRAMES_TIMEOUT_S)
        self.served.append(client)

    def mjpeg(self, path: str = "/stream", stall_after: int | None = None) -> MjpegClient:
        where = self._endpoint(STREAM_PORT)
        return self._add(MjpegClient(where.host, where.port, len(self.clients), path, stall_after))

    def websocket(self) -> WebSocketClient:
        where = self._endpoint(STREAM_PORT)
        return self._add(WebSocketClient(where.host, where.port, len(self.clients)))

    def idle(self) -> IdleClient:
        where = self._endpoint(CONTROL_PORT)
        return self._add(IdleClient(where.host, where.port, len(self.clients)))

    def half(self) -> HalfRequestClient:
        where = self._endpoint(STREAM_PORT)
        return self._add(HalfRequestClient(where.host, where.port, len(self.clients)))

    def _add(self, client: _Client) -> _Client:
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

    def close(self) -> None:
        self._opened.close()

    def write_log(self, path: Path) -> None:
        """What each client saw, one JSON object a client."""
        path.write_text(json.dumps([client.report().as_json() for client in self.clients], indent=1))
