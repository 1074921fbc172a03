# SPDX-License-Identifier: Apache-2.0
"""WebSocket clients that know the protocol and do not keep to its spirit."""

from __future__ import annotations

import contextlib

import websocket

from .websocket_client import WebSocketClient

TALK_S = 0.05  # from one thing said to the next


class TalkingWebSocketClient(WebSocketClient):
    """Reads, and says something after each frame that comes; `payload` goes out in `pieces` frames."""

    kind = "talking ws"

    def __init__(
        self, host: str, port: int, number: int = 0, *, payload: bytes = b"0123456789", pieces: int = 1
    ) -> None:
        super().__init__(host, port, number)
        self._payload, self._pieces = payload, pieces

    def _take_frame(self, frame: bytes) -> None:
        super()._take_frame(frame)
        step = -(-len(self._payload) // self._pieces)
        parts = [self._payload[at : at + step] for at in range(0, len(self._payload), step)]
        with contextlib.suppress(OSError, websocket.WebSocketException):  # how it ended is what the reading tells
            for number, part in enumerate(parts):
                opcode = websocket.ABNF.OPCODE_CONT if number else websocket.ABNF.OPCODE_TEXT
                last = number == len(parts) - 1
                self._socket.send_frame(websocket.ABNF(int(last), 0, 0, 0, opcode, 1, part))


class MuteWebSocketClient(WebSocketClient):
    """Never answers a CLOSE, and keeps its connection until the server ends it."""

    kind = "mute ws"

    def _next(self) -> tuple[int, bytes]:
        frame = self._socket.recv_frame()  # type: ignore[no-untyped-call]
        return int(frame.opcode), bytes(frame.data)

    def _closed(self, code: int, reason: str) -> tuple[str, str]:
        with contextlib.suppress(OSError, websocket.WebSocketException):
            while True:
                self._next()  # until the connection ends
        return f"close {code}", reason
