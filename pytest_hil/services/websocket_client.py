# SPDX-License-Identifier: Apache-2.0
"""A WebSocket client that checks every binary frame, and with which CLOSE code the server took leave."""

from __future__ import annotations

import contextlib
import socket

import websocket

from .board_connection import connect
from .certificates import Trust
from .client import HOLDS_LITTLE, StallingClient

CONNECT_TIMEOUT_S = 5.0
NO_DELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class WebSocketClient(StallingClient):
    """Connects to `/ws` and reads until the end, or stops reading after `stall_after` frames."""

    kind = "ws"

    def __init__(
        self,
        host: str,
        port: int,
        number: int = 0,
        path: str = "/ws",
        *,
        stall_after: int | None = None,
        trust: Trust | None = None,
    ) -> None:
        super().__init__(host, port, number, stall_after)
        self.path = path
        self._scheme = "ws" if trust is None else "wss"
        self._trust = trust
        self._options = [NO_DELAY] if stall_after is None else [NO_DELAY, *HOLDS_LITTLE]
        self._socket = websocket.WebSocket()

    def _run(self) -> tuple[str, str]:
        plug = connect(self.host, self.port, CONNECT_TIMEOUT_S * self.patience, self._options)
        if self._trust is not None:
            plug = self._trust.context.wrap_socket(plug, server_hostname=self._trust.name)
        self._socket.sock = plug  # so that it can be hung up from here on
        try:
            self._socket.connect(  # type: ignore[no-untyped-call]
                f"{self._scheme}://{self.host}:{self.port}{self.path}", socket=plug
            )
        except websocket.WebSocketBadStatusException as error:
            self.status = error.status_code
            return "refused", f"status {error.status_code}"
        self.status = 101
        self._socket.settimeout(None)
        while True:
            try:
                opcode, data = self._next()
            except websocket.WebSocketConnectionClosedException as error:
                return "eof", str(error)
            if opcode == websocket.ABNF.OPCODE_BINARY:
                self._take_frame(data)
                self._stall()
            elif opcode == websocket.ABNF.OPCODE_CLOSE:
                code = int.from_bytes(data[:2], "big") if len(data) >= 2 else 1005
                return self._closed(code, data[2:].decode("utf-8", "replace"))
            elif opcode == websocket.ABNF.OPCODE_TEXT:
                self.check.problems.append(f"a text frame among the binary ones: {data!r}")

    def _next(self) -> tuple[int, bytes]:
        opcode, data = self._socket.recv_data(control_frame=True)
        return int(opcode), bytes(data)

    def _closed(self, code: int, reason: str) -> tuple[str, str]:
        """The server closes the TCP connection after our answer, which websocket-client has sent."""
        return f"close {code}", reason

    def close(self) -> None:
        super().close()
        self._socket.shutdown()  # type: ignore[no-untyped-call]

    def _hang_up(self) -> None:
        self.resume()
        plug = self._socket.sock
        if plug is not None:
            with contextlib.suppress(OSError):
                plug.shutdown(socket.SHUT_RDWR)
