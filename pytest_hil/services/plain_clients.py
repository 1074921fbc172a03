# SPDX-License-Identifier: Apache-2.0
"""Clients that ask for no stream: idle ones, and ones that never finish what they began, or never let go."""

from __future__ import annotations

import contextlib
import socket
import ssl

from .board_connection import connect
from .client import StreamClient

CONNECT_TIMEOUT_S = 5.0


class SocketClient(StreamClient):
    """A plain TCP connection."""

    def __init__(self, host: str, port: int, number: int = 0) -> None:
        super().__init__(host, port, number)
        self._socket = connect(host, port, CONNECT_TIMEOUT_S)
        self._socket.settimeout(None)

    def _read_to_end(self) -> tuple[str, str]:
        received = 0
        while data := self._socket.recv(65536):
            received += len(data)
        return "eof", f"{received} bytes more"

    def _hang_up(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        super().close()
        self._socket.close()


class IdleClient(SocketClient):
    """Gets one page, keeps the connection alive and asks for nothing more."""

    kind = "idle"

    def __init__(self, host: str, port: int, number: int = 0, path: str = "/") -> None:
        self.path = path
        super().__init__(host, port, number)

    def start(self) -> None:
        """Returns when the page has come, so that the connection is surely a session of the server."""
        self._socket.settimeout(CONNECT_TIMEOUT_S * self.patience)
        request = f"GET {self.path} HTTP/1.1\r\nHost: {self.host}\r\nConnection: keep-alive\r\n\r\n"
        self._socket.sendall(request.encode())
        head = b""
        while b"\r\n\r\n" not in head:
            data = self._socket.recv(4096)
            if not data:
                raise AssertionError(f"{self}: the server closed the connection before it answered: {head!r}")
            head += data
        self.status = int(head.split(b" ", 2)[1])
        self._socket.settimeout(None)
        super().start()

    def _run(self) -> tuple[str, str]:
        return self._read_to_end()


class HalfRequestClient(SocketClient):
    """Sends the first half of a request and then nothing, so that the server's task waits in receive."""

    kind = "half"

    def _run(self) -> tuple[str, str]:
        self._socket.sendall(f"GET /stream HTTP/1.1\r\nHost: {self.host}\r\nX-Half: ".encode())
        return self._read_to_end()


class StuckClient(SocketClient):
    """Asks for the page whose handler never ends (control image alone), and reads what it sends."""

    kind = "stuck"

    def _run(self) -> tuple[str, str]:
        self._socket.sendall(f"GET /stuck HTTP/1.1\r\nHost: {self.host}\r\n\r\n".encode())
        return self._read_to_end()


class SilentTlsClient(SocketClient):
    """Begins a TLS handshake and says nothing after its first message, so that the server waits in the middle of it."""

    kind = "silent"

    def _run(self) -> tuple[str, str]:
        self._socket.sendall(_client_hello())
        return self._read_to_end()


def _client_hello() -> bytes:
    """The first message of an ordinary TLS client."""
    sent = ssl.MemoryBIO()
    session = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(ssl.MemoryBIO(), sent, server_hostname="board")
    with contextlib.suppress(ssl.SSLWantReadError):
        session.do_handshake()
    return sent.read()
