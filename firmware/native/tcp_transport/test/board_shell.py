# SPDX-License-Identifier: Apache-2.0
"""A board that runs a shell program (shell.c), and servers that misbehave on purpose for it to talk to."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
import time
import unittest
from collections.abc import Callable
from typing import IO, Any

from board import LIMIT_S, Board, wait_until

HOST_SEEN_BY_BOARD = "10.0.2.2"
TIME_WAIT_BYTES = 272  # lwIP remembers a connection that its side has ended for two minutes
HEAP_AT_REST_BYTES = 400  # a semaphore a thread, a buffer on its way


class ShellTestCase(unittest.TestCase):
    """What a check says when it fails ends with what the boards said last."""

    def setUp(self) -> None:
        self.shells: list[Shell] = []

    def _formatMessage(self, msg: Any, standardMsg: str) -> str:  # noqa: N802, N803 -- unittest's own names
        told = "".join(f"\n--- the board said last:\n{shell.said[-2000:]}" for shell in self.shells)
        return str(super()._formatMessage(msg, standardMsg)) + told


class Record:
    """What the board said, line by line. Looking for one kind of line does not pass over another kind."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._lines: list[str] = []
        self._next: dict[str, int] = {}  # for each kind of line, where to look from
        self._changed = threading.Condition()
        self._ended = False
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # the test is over and has closed the stream
            for line in self._stream:
                with self._changed:
                    self._lines.append(line.decode(errors="replace").rstrip("\r\n"))
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def said(self) -> str:
        with self._changed:
            return "\n".join(self._lines)

    def expect(self, mark: str, pattern: str, limit_s: float) -> re.Match[str]:
        """The next line that begins with the mark and goes on with the pattern."""
        end = time.monotonic() + limit_s
        with self._changed:
            at = self._next.get(mark, 0)
            while True:
                while at < len(self._lines):
                    line = self._lines[at]
                    at += 1
                    found = re.match(pattern, line[len(mark) :]) if line.startswith(mark) else None
                    if found:
                        self._next[mark] = at
                        return found
                if self._ended or not self._changed.wait(end - time.monotonic()):
                    raise AssertionError(f"{mark}{pattern} did not come; the board said {self._lines[-40:]}")


class Shell:
    """One native board with the shell program of this test; every answer is awaited, so nothing races."""

    def __init__(self, test: ShellTestCase, *args: str) -> None:
        test.shells.append(self)
        self.board = Board(test, *args, program=[os.environ["BOARD_PROGRAM"]])
        assert self.board.process.stdout is not None
        self._record = Record(self.board.process.stdout)
        self.event("ready")

    def do(self, command: str) -> str:
        """Gives the command and returns what it answered."""
        self.begin(command)
        return self.answer()

    def begin(self, command: str) -> None:
        """Gives a command whose answer comes later: see answer()."""
        self.board.say(command)

    def answer(self, limit_s: float = LIMIT_S) -> str:
        return self._record.expect("= ", "(.*)", limit_s)[1]

    def event(self, pattern: str, limit_s: float = LIMIT_S) -> re.Match[str]:
        """The next such event; the others before it are passed over."""
        return self._record.expect("! ", pattern, limit_s)

    def never(self, pattern: str, limit_s: float) -> None:
        """No such event for so long."""
        try:
            self.event(pattern, limit_s)
        except AssertionError:
            return
        raise AssertionError(f"{pattern!r} came; the board said {self.said[-2000:]}")

    def blob(self, name: str, data: bytes) -> None:
        """Gives the program what is no word, such as a certificate."""
        for at in range(0, len(data), 400):
            self.do(f"blob {name} {data[at : at + 400].hex()}")

    def heap(self) -> int:
        return int(self.do("heap").split()[1])

    def wait_for_heap(self, heap: int, connections: int) -> None:
        """The heap has come back, but for what lwIP keeps of so many connections that the board may have ended."""
        least = heap - HEAP_AT_REST_BYTES - connections * TIME_WAIT_BYTES
        wait_until(lambda: self.heap() >= least, f"the heap of {heap} bytes to come back")

    def drip(self, connection: Connection, data: bytes) -> None:
        """Sends each byte as a segment of its own, the next when the program has read the last.

        Sent without a look they would overrun the socket's mailbox (6 segments), and what finds no room is sent again
        by TCP only after a second or more.
        """
        begin = int(self.do("taken"))
        for sent in range(len(data)):
            connection.send(data[sent : sent + 1])
            wanted = str((begin + sent + 1) % 2**32)
            wait_until(lambda: self.do("taken") == wanted, "the board to read one byte")  # noqa: B023 -- called here

    @property
    def said(self) -> str:
        return self._record.said


class Connection:
    """The server's end of one connection."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.socket.settimeout(LIMIT_S)
        self._buffer = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self, count: int) -> bytes:
        while len(self._buffer) < count:
            chunk = self.socket.recv(65536)
            if not chunk:
                raise ConnectionError(f"the board closed after {self._buffer!r}")
            self._buffer += chunk
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def read_until(self, end: bytes) -> bytes:
        while end not in self._buffer:
            chunk = self.socket.recv(65536)
            if not chunk:
                raise ConnectionError(f"the board closed after {self._buffer!r}")
            self._buffer += chunk
        at = self._buffer.index(end) + len(end)
        data, self._buffer = self._buffer[:at], self._buffer[at:]
        return data

    def wait_for_close(self) -> bytes:
        """What the board still sent before it closed, or reset, the connection."""
        data, self._buffer = self._buffer, b""
        while True:
            try:
                chunk = self.socket.recv(65536)
            except ConnectionResetError:
                return data
            if not chunk:
                return data
            data += chunk

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """RST in place of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.socket.close()


class Server:
    """Accepts connections on a free loopback port; each is served by one call, in its own thread.

    What the call raises fails the test at its end.
    """

    def __init__(self, test: unittest.TestCase, serve: Callable[[Connection], None] | None = None) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._serve = serve
        self._failures: list[BaseException] = []
        self._threads: list[threading.Thread] = []
        self._accepted: list[Connection] = []
        test.addCleanup(self._close, test)
        self._listener.settimeout(LIMIT_S)
        if serve is not None:
            self._start(self._accept_all)

    @property
    def address(self) -> str:
        return f"{HOST_SEEN_BY_BOARD}:{self.port}"

    def accept(self) -> Connection:
        """For a server without a serve call: the test itself plays it."""
        connection = Connection(self._listener.accept()[0])
        self._accepted.append(connection)
        self._prepare(connection)
        return connection

    def stop_listening(self) -> None:
        """From now on connections are refused."""
        with contextlib.suppress(OSError):  # once is enough
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept_all(self) -> None:
        while True:
            try:
                connected, _ = self._listener.accept()
            except OSError:
                return
            self._start(self._serve_one, Connection(connected))

    def _serve_one(self, connection: Connection) -> None:
        assert self._serve is not None
        try:
            if self._prepare(connection):
                self._serve(connection)
        except BaseException as failure:  # told in the main thread
            self._failures.append(failure)
        finally:
            connection.close()

    def _prepare(self, connection: Connection) -> bool:
        """For a server that speaks TLS; false when that failed and nothing is to be served."""
        return connection is not None

    def _close(self, test: unittest.TestCase) -> None:
        self.stop_listening()
        for connection in self._accepted:
            connection.close()
        for thread in self._threads:
            thread.join(LIMIT_S)
        test.assertEqual([], self._failures)
