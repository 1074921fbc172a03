# SPDX-License-Identifier: Apache-2.0
"""Serves firmware images over HTTP or HTTPS, with Range, and records every request.

A board reaches it at the address its kind gives the runner (the native board: 10.0.2.2). How a reply is sent is one
function a path, so that a faulty one can stand in its place.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from .certificates import Identity

POLL_S = 0.5
_RANGE = re.compile(r"bytes=(\d+)-(\d*)$")


@dataclass(frozen=True, slots=True)
class Request:
    """One request as answered."""

    method: str
    path: str
    range: str | None
    status: int
    bytes_sent: int
    at_s: float  # seconds since the server began
    took_s: float


Reply = Callable[["ReplyHandler", bytes], None]


def plain_reply(handler: ReplyHandler, content: bytes) -> None:
    """The whole content, or the part that Range asks for."""
    asked = handler.headers.get("Range")
    first, last = 0, len(content) - 1
    if asked is not None:
        match = _RANGE.match(asked)
        if match is None or int(match.group(1)) > last:
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(content)}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        first = int(match.group(1))
        last = min(int(match.group(2) or last), last)
    body = content[first : last + 1]
    handler.send_response(200 if asked is None else 206)
    handler.send_header("Content-Type", "application/octet-stream")
    handler.send_header("Content-Length", str(len(body)))
    handler.send_header("Accept-Ranges", "bytes")
    if asked is not None:
        handler.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
    handler.end_headers()
    if handler.command != "HEAD":
        handler.send_body(body)


class ReplyHandler(BaseHTTPRequestHandler):
    """One connection; a `Reply` answers with it."""

    protocol_version = "HTTP/1.1"
    server: _Server
    status = 0
    sent = 0

    def do_GET(self) -> None:
        began = time.monotonic()
        self.sent = 0
        content, reply = self.server.owner.find(self.path)
        # A board that stops downloading in the middle is the board's business.
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            if content is None:
                self.send_error(404)
            else:
                reply(self, content)
        now = time.monotonic()
        request = Request(
            self.command,
            self.path,
            self.headers.get("Range"),
            self.status,
            self.sent,
            began - self.server.owner.began,
            now - began,
        )
        self.server.owner.record(request)

    do_HEAD = do_GET  # noqa: N815  http.server's name

    def send_body(self, body: bytes) -> None:
        self.wfile.write(body)
        self.sent += len(body)

    def send_response(self, code: int, message: str | None = None) -> None:
        self.status = code
        super().send_response(code, message)

    def log_message(self, *_: object) -> None:
        """Requests are recorded, not printed."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    owner: ImageServer
    tls: ssl.SSLContext | None = None

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self.tls is not None:
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's own thread: a client that is slow to shake hands holds up nobody."""
        if self.tls is None:
            with contextlib.suppress(ConnectionError):  # a board that resets says no goodbye
                super().finish_request(request, client_address)
            return
        try:
            request.do_handshake()
        except OSError as error:
            self.owner.refuse(str(error))
            return
        with contextlib.suppress(ConnectionError, ssl.SSLError):  # a board that restarts says no goodbye
            super().finish_request(request, client_address)


class ImageServer:
    """Paths and their contents; `port` is free at the moment of the start. With an identity it speaks TLS alone."""

    def __init__(self, identity: Identity | None = None, bind: str = "127.0.0.1") -> None:
        self.scheme = "http" if identity is None else "https"
        self.began = time.monotonic()
        self.requests: list[Request] = []
        self.failed_handshakes: list[str] = []
        self.stopping = threading.Event()
        self._contents: dict[str, tuple[bytes, Reply]] = {}
        self._lock = threading.Lock()
        self._recorded = threading.Condition(self._lock)
        self._server = _Server((bind, 0), ReplyHandler)
        self._server.owner = self
        self._server.tls = identity.server_context() if identity is not None else None
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": POLL_S}, name="image server", daemon=True
        )

    def serve(self, path: str, content: bytes, reply: Reply = plain_reply) -> None:
        with self._lock:
            self._contents[path] = (content, reply)

    def find(self, path: str) -> tuple[bytes | None, Reply]:
        with self._lock:
            return self._contents.get(path, (None, plain_reply))

    def record(self, request: Request) -> None:
        with self._recorded:
            self.requests.append(request)
            self._recorded.notify_all()

    def refuse(self, why: str) -> None:
        """Notes a client whose handshake failed, of either side's will."""
        with self._recorded:
            self.failed_handshakes.append(why)
            self._recorded.notify_all()

    def wait_failed_handshake(self, timeout_s: float) -> str:
        """Waits until a handshake has failed; returns why. Raises AssertionError."""
        with self._recorded:
            if not self._recorded.wait_for(lambda: self.failed_handshakes, timeout_s):
                raise AssertionError(f"no handshake failed within {timeout_s:g} s; requests: {self.requests}")
            return self.failed_handshakes[0]

    def wait_requests(self, count: int, timeout_s: float) -> list[Request]:
        """Waits until so many requests have been answered. Raises AssertionError."""
        with self._recorded:
            if not self._recorded.wait_for(lambda: len(self.requests) >= count, timeout_s):
                raise AssertionError(
                    f"{len(self.requests)} requests of {count} within {timeout_s:g} s: {self.requests}"
                )
            return list(self.requests)

    @property
    def fault(self) -> str | None:
        """Whether it has ended although nobody stopped it."""
        return "the image server has ended" if self._thread.ident and not self._thread.is_alive() else None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._server.socket.shutdown(socket.SHUT_RDWR)  # wakes it, which else looks each POLL_S whether to stop
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> ImageServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
