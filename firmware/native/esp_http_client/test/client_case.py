# SPDX-License-Identifier: Apache-2.0
"""What the tests of the HTTP client share: a server's answers, a request as the server saw it, a client to ask with."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from board_shell import Connection, Server, Shell, ShellTestCase

EAGAIN = -0x7007
BODY = bytes(i * 7 % 251 for i in range(20_000))
TIMEOUT_MS = 400


def response(body: bytes = b"", status: str = "200 OK", headers: str = "", length: int | None = None) -> bytes:
    said = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {said}\r\n{headers}\r\n".encode() + body


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    parts = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + parts + end


def crc(data: bytes) -> str:
    return f"crc={zlib.crc32(data):08x}"


class Head:
    """A request as the server saw it."""

    def __init__(self, connection: Connection) -> None:
        lines = connection.read_until(b"\r\n\r\n").decode().split("\r\n")
        self.line = lines[0]
        self.headers = {key.lower(): value for key, value in (line.split(": ", 1) for line in lines[1:-2])}
        assert len(self.headers) == len(lines) - 3, f"a header came twice: {lines}"


class ClientTest(ShellTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.heads: list[Head] = []

    def serve(self, answer: bytes | Callable[[Connection, Head], None]) -> Server:
        """Every connection gets the answer to each of its requests; bytes are sent as they are, then closed."""

        def one(connection: Connection) -> None:
            head = Head(connection)
            self.heads.append(head)
            if isinstance(answer, bytes):
                connection.send(answer)
            else:
                answer(connection, head)

        return Server(self, one)

    def get(self, server: Server, options: str = "", path: str = "/image", timeout_ms: int = TIMEOUT_MS) -> Shell:
        shell = Shell(self)
        self.assertEqual("made", shell.do(f"init url=http://{server.address}{path} timeout={timeout_ms} {options}"))
        return shell

    def opened(self, server: Server, options: str = "", timeout_ms: int = TIMEOUT_MS) -> Shell:
        shell = self.get(server, options, timeout_ms=timeout_ms)
        self.assertEqual("ESP_OK", shell.do("open"))
        return shell


def void(value: object) -> None:
    """For a lambda whose result is of no interest."""
