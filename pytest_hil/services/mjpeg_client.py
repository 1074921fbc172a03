# SPDX-License-Identifier: Apache-2.0
"""A client of multipart/x-mixed-replace that checks every frame, and how the stream ended.

It can read as fast as frames come, or stop reading after some frames and keep the connection, so that the board's
writer blocks. A stream ended well when its closing boundary came after a whole part and the body was complete.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

import requests
from python_multipart.multipart import MultipartParser, parse_options_header
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import HTTPResponse

from .board_connection import BoardAdapter, BoardConnection, TlsBoardConnection, board_session
from .certificates import Trust
from .client import HOLDS_LITTLE, StallingClient

CONNECT_TIMEOUT_S = 5.0
# How requests and urllib3 tell of a connection that was closed in order, but before the body's end.
_CUT_SHORT = ("IncompleteRead", "InvalidChunkLength", "ended prematurely")


class _Adapter(BoardAdapter):
    """Tells when a request is out: the answer may never come while another client's stream holds the server."""

    def __init__(self, asked: threading.Event, small_window: bool, trust: Trust | None) -> None:
        self._asked = asked
        self._small_window = small_window
        self._trust = trust
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        asked = self._asked

        class Connection(BoardConnection):
            def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own
                asked.set()
                return super().getresponse()

        class Pool(HTTPConnectionPool):
            ConnectionCls = Connection

        class TlsConnection(TlsBoardConnection):
            def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own
                asked.set()
                return super().getresponse()

        class TlsPool(HTTPSConnectionPool):
            ConnectionCls = TlsConnection

        if self._trust is not None:
            name = self._trust.name
            kwargs |= {"ssl_context": self._trust.context, "server_hostname": name, "assert_hostname": name}
        if self._small_window:
            kwargs["socket_options"] = [*HTTPConnection.default_socket_options, *HOLDS_LITTLE]
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": Pool, "https": TlsPool}

    def close(self) -> None:
        """urllib3 would close a connection that was used to its end only once nobody remembers the response."""
        pools = self.poolmanager.pools
        for pool in [pools[key] for key in pools.keys()]:  # noqa: SIM118  a container of urllib3's, no mapping to iterate
            pool.close()
        super().close()

    def cert_verify(self, *_: object) -> None:
        """Whom to trust is said by the context alone; requests would add the authorities of the internet."""


class PartReader:
    """multipart bytes in, whole frames out. Keeps what must be known about an unfinished part."""

    def __init__(self, boundary: bytes) -> None:
        self.frames: list[bytes] = []
        self.closed = False  # the closing boundary was seen
        self.problems: list[str] = []
        self._field = b""
        self._value = b""
        self._expected: int | None = None
        self._body = bytearray()
        self._in_part = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that these bytes finished."""
        self.frames = []
        self._parser.write(data)
        return self.frames

    @property
    def unfinished(self) -> bool:
        """Whether a part has begun whose body is not whole. A bare boundary after a frame is the server's habit."""
        return self._in_part and bool(self._body or self._expected is not None)

    def _on_part_begin(self) -> None:
        self._in_part, self._expected = True, None
        self._field = self._value = b""
        self._body.clear()

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._field.lower() == b"content-length":
            self._expected = int(self._value)
        self._field = self._value = b""

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._body += data[start:end]
        # A frame is whole with its last byte; the parser would tell only with the next boundary, a frame later.
        if self._in_part and self._expected is not None and len(self._body) == self._expected:
            self._finish()
        elif self._expected is not None and len(self._body) > self._expected:
            self.problems.append(f"a part is longer than its Content-Length of {self._expected}")

    def _on_part_end(self) -> None:
        if self._in_part:
            self.problems.append(f"a part ended after {len(self._body)} bytes, Content-Length {self._expected}")
            self._finish()

    def _finish(self) -> None:
        self.frames.append(bytes(self._body))
        self._in_part = False

    def _on_end(self) -> None:
        self.closed = True


class MjpegClient(StallingClient):
    """GET `path`; reads all, or stops reading after `stall_after` frames."""

    kind = "mjpeg"

    def __init__(
        self,
        host: str,
        port: int,
        number: int = 0,
        path: str = "/stream",
        *,
        stall_after: int | None = None,
        trust: Trust | None = None,
    ) -> None:
        super().__init__(host, port, number, stall_after)
        self.path = path
        self._scheme = "http" if trust is None else "https"
        self._response: requests.Response | None = None
        self._asked = threading.Event()  # the request is out
        self._session = board_session(_Adapter(self._asked, stall_after is not None, trust))

    def wait_asked(self, timeout_s: float) -> None:
        """Waits until the request is sent. Raises AssertionError."""
        timeout_s *= self.patience
        assert self._asked.wait(timeout_s), f"{self} could not send its request within {timeout_s:g} s"

    def _run(self) -> tuple[str, str]:
        with self._session.get(
            f"{self._scheme}://{self.host}:{self.port}{self.path}",
            stream=True,
            timeout=(CONNECT_TIMEOUT_S * self.patience, None),
        ) as response:
            self._response = response
            self.status = response.status_code
            if response.status_code != 200:
                return "refused", f"status {response.status_code}"
            kind, options = parse_options_header(response.headers.get("Content-Type", ""))
            if kind != b"multipart/x-mixed-replace":
                self.check.problems.append(f"Content-Type is {kind!r}")
            return self._read(response, PartReader(options.get(b"boundary", b"")))

    def _read(self, response: requests.Response, parts: PartReader) -> tuple[str, str]:
        try:
            for piece in response.iter_content(chunk_size=None):
                for frame in parts.feed(piece):
                    self._take_frame(frame)
                self._stall()
        except (requests.RequestException, AttributeError) as error:
            # requests hides the socket's error in its own; AttributeError is what a close from outside leaves behind
            self._note(parts)
            return "eof" if any(text in str(error) for text in _CUT_SHORT) else "reset", str(error)
        self._note(parts)
        return ("complete", "") if parts.closed and not parts.unfinished else ("eof", "no closing boundary")

    def _note(self, parts: PartReader) -> None:
        self.check.problems += parts.problems
        if parts.unfinished and not self._closing:
            self.check.problems.append(f"the stream ended inside a frame, after {self.check.frames} whole ones")

    def _hang_up(self) -> None:
        self.resume()
        connection = getattr(getattr(self._response, "raw", None), "connection", None)
        if (plug := getattr(connection, "sock", None)) is not None:
            with contextlib.suppress(OSError):
                plug.shutdown(socket.SHUT_RDWR)
        self._session.close()
