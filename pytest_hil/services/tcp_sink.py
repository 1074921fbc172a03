# SPDX-License-Identifier: Apache-2.0
"""A peer that only listens: whatever a board sends it is kept. Shows whether bytes reach somebody they were not for."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType


class TcpSink:
    """Accepts any number of connections on a free port and keeps what each received."""

    def __init__(self, bind: str = "127.0.0.1") -> None:
        self._listener = socket.create_server((bind, 0))
        self.port = int(self._listener.getsockname()[1])
        self._condition = threading.Condition()
        self._received: list[bytearray] = []
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        self._spawn(self._accept)

    def _spawn(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name="tcp sink", daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    @property
    def received(self) -> list[bytes]:
        """What each connection has received so far, in the order they came."""
        with self._condition:
            return [bytes(data) for data in self._received]

    def wait_for(self, needle: bytes, timeout_s: float) -> bytes:
        """Waits until a connection has received `needle`; returns all of that connection's bytes.

        Raises AssertionError when none does in time.
        """

        def look() -> bytes | None:
            return next((bytes(data) for data in self._received if needle in data), None)

        with self._condition:
            found = self._condition.wait_for(look, timeout_s)
            if found is None:
                got = [f"{len(data)} bytes: {bytes(data[:40])!r}" for data in self._received]
                raise AssertionError(f"the sink did not receive {needle!r} within {timeout_s:g} s; it has {got}")
            return found

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                data = bytearray()
                with self._condition:
                    self._connections.append(connection)
                    self._received.append(data)
                    self._condition.notify_all()
                self._spawn(self._read, connection, data)

    def _read(self, connection: socket.socket, data: bytearray) -> None:
        with contextlib.suppress(OSError):
            while piece := connection.recv(65536):
                with self._condition:
                    data += piece
                    self._condition.notify_all()

    def stop(self) -> None:
        for plug in (self._listener, *self._connections):
            with contextlib.suppress(OSError):
                plug.shutdown(socket.SHUT_RDWR)
            plug.close()
        for thread in self._threads:
            thread.join(5.0)

    def __enter__(self) -> TcpSink:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
