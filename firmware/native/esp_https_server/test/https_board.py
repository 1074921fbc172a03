# SPDX-License-Identifier: Apache-2.0
"""A board that runs a TLS server, and clients for it."""

from __future__ import annotations

import socket
import ssl
import unittest

from board import LIMIT_S
from board_shell import Connection, Shell, ShellTestCase
from board_tls import Authority, Identity

PORT = 443
ADDRESS = "127.0.0.1"


class HttpsTestCase(ShellTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.authority = Authority()

    def shell(self, identity: Identity | None = None, *args: str) -> Shell:
        """A board with a certificate, and no server yet."""
        shell = Shell(self, "--forward", f"{ADDRESS}:0:{PORT}", *args)
        identity = identity or self.authority.issue(ADDRESS)
        shell.blob("cert", identity.certificate)
        shell.blob("key", identity.key)
        return shell

    def started(self, options: str = "", identity: Identity | None = None) -> Shell:
        shell = self.shell(identity)
        self.assertEqual("ESP_OK", shell.do(f"start {options}"))
        return shell

    def raw(self, shell: Shell) -> socket.socket:
        """A connection on which no TLS is spoken yet. The runner accepts it at once, whatever the board does."""
        connected = socket.create_connection(shell.board.forward(PORT), LIMIT_S)
        self.addCleanup(connected.close)
        return connected

    def connect(self, shell: Shell, context: ssl.SSLContext | None = None) -> Client:
        """Open until the test ends, also when the handshake fails: a reset would overtake the alert."""
        tls = (context or self.authority.client_context()).wrap_socket(
            self.raw(shell), server_hostname=ADDRESS, do_handshake_on_connect=False
        )
        client = Client(tls)
        self.addCleanup(client.close)
        tls.do_handshake()
        return client

    def stop(self, shell: Shell, limit_ms: int = 2000) -> None:
        shell.do("stop")
        self.assertLess(int(shell.event("stopped ESP_OK ms=([0-9]+)")[1]), limit_ms)


class Client(Connection):
    """HTTP over an open connection."""

    def request(self, path: str, body: bytes = b"", headers: str = "") -> None:
        method = "POST" if body else "GET"
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        self.send(f"{method} {path} HTTP/1.1\r\nHost: board\r\n{length}{headers}\r\n".encode() + body)

    def answer(self) -> bytes:
        """The body of a whole answer."""
        head = self.read_until(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise AssertionError(f"the board answered {head!r}")
        if b"Transfer-Encoding: chunked" not in head:
            return self.read(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]))
        body = b""
        while size := int(self.read_until(b"\r\n"), 16):
            body += self.read(size)
            self.read(2)
        self.read(2)
        return body

    def get(self, path: str) -> bytes:
        self.request(path)
        return self.answer()


def quiet(test: unittest.TestCase, connection: socket.socket, seconds: float) -> None:
    """Nothing comes, not even the end."""
    connection.settimeout(seconds)
    with test.assertRaises(TimeoutError):
        connection.recv(1)
    connection.settimeout(LIMIT_S)
