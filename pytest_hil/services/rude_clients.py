# SPDX-License-Identifier: Apache-2.0
"""Clients that use up what a server has: sessions, its task's time, its patience."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time

from .board_connection import connect
from .client import StreamClient
from .plain_clients import SocketClient

CONNECT_TIMEOUT_S = 5.0
RETRY_S = 0.005  # between two attempts of a client that comes again at once, so that it is not a core's whole work


class SlowLorisClient(SocketClient):
    """Sends a request a byte at a time, and never ends it."""

    kind = "loris"

    def __init__(self, host: str, port: int, number: int = 0, interval_s: float = 0.1) -> None:
        super().__init__(host, port, number)
        self._interval_s = interval_s
        self._left = threading.Event()

    def _run(self) -> tuple[str, str]:
        sender = threading.Thread(target=self._drip, name=f"loris {self.number}", daemon=True)
        sender.start()
        try:
            return self._read_to_end()
        finally:
            self._left.set()
            sender.join()

    def _drip(self) -> None:
        head = f"GET /stream HTTP/1.1\r\nHost: {self.host}\r\nX-Slow: "
        with contextlib.suppress(OSError):
            for character in itertools.chain(head, itertools.repeat("x")):
                self._socket.sendall(character.encode())
                if self._left.wait(self._interval_s):
                    return


class HalfClosedClient(SocketClient):
    """Asks for a stream, says that it will send nothing more, and reads on."""

    kind = "half closed"

    def _run(self) -> tuple[str, str]:
        self._socket.sendall(f"GET /stream HTTP/1.1\r\nHost: {self.host}\r\n\r\n".encode())
        self._socket.shutdown(socket.SHUT_WR)
        return self._read_to_end()


class ReconnectingClient(StreamClient):
    """Asks for a stream, and again as soon as it ends, whatever it was told."""

    kind = "reconnecting"

    def __init__(self, host: str, port: int, number: int = 0) -> None:
        super().__init__(host, port, number)
        self.connects = 0
        self.received = 0  # bytes, of all its connections
        self._socket: socket.socket | None = None

    def _run(self) -> tuple[str, str]:
        while not self._closing:
            with contextlib.suppress(OSError):
                self._once()
            time.sleep(RETRY_S)  # a client's own pace, as a browser's reload has one: there is nothing to wait for
        return "left", f"{self.connects} connects, {self.received} bytes"

    def _once(self) -> None:
        with connect(self.host, self.port, CONNECT_TIMEOUT_S) as self._socket:
            self.connects += 1
            self._socket.settimeout(None)
            self._socket.sendall(f"GET /stream HTTP/1.1\r\nHost: {self.host}\r\n\r\n".encode())
            while not self._closing and (data := self._socket.recv(65536)):
                self.received += len(data)

    def _hang_up(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


class ConnectFlood(StreamClient):
    """Connects `a_second` times a second and closes the oldest when `open_at_once` are open."""

    kind = "flood"

    def __init__(self, host: str, port: int, number: int = 0, a_second: int = 200, open_at_once: int = 8) -> None:
        super().__init__(host, port, number)
        self.connects = 0
        self._a_second, self._open_at_once = a_second, open_at_once
        self._left = threading.Event()

    def _run(self) -> tuple[str, str]:
        plugs: list[socket.socket] = []
        began = time.monotonic()
        with contextlib.ExitStack() as opened:
            while not self._left.wait(max(0.0, began + self.connects / self._a_second - time.monotonic())):
                self.connects += 1
                with contextlib.suppress(OSError):
                    plugs.append(opened.enter_context(connect(self.host, self.port, 1.0)))
                if len(plugs) > self._open_at_once:
                    plugs.pop(0).close()
        return "left", f"{self.connects} connects in {time.monotonic() - began:.1f} s"

    def _hang_up(self) -> None:
        self._left.set()
