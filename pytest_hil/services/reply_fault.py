# SPDX-License-Identifier: Apache-2.0
"""Replies of an image server that are wrong, slow or never end: what differs from a good one, as a value."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from dataclasses import dataclass

from .image_server import ReplyHandler

PIECE = 1024  # bytes written at once
PIECES_A_SECOND = 10  # of a slow reply, at least: slow is not silent
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger: on, 0 s


@dataclass(frozen=True, kw_only=True)
class ReplyFault:
    """A `Reply`: 200 with the whole content, but for what is set here. `Range` is never heeded."""

    status: int = 200
    location: str | None = None  # where a redirect leads
    length: bool = True  # whether Content-Length is sent; without it and `chunked` the body ends with the connection
    longer: int = 0  # bytes by which Content-Length lies
    chunked: bool = False
    bytes_per_s: int | None = None
    silent_after: int | None = None  # bytes of the body, then nothing more until the board hangs up
    reset_after: int | None = None  # bytes of the body, then a TCP reset
    end_after: int | None = None  # bytes of the body, then an end in order

    def __call__(self, handler: ReplyHandler, content: bytes) -> None:
        """Answers the request."""
        handler.send_response(self.status)
        handler.send_header("Content-Type", "application/octet-stream")
        if self.location is not None:
            handler.send_header("Location", self.location)
        body = content if self.status == 200 else b""
        if self.chunked:
            handler.send_header("Transfer-Encoding", "chunked")
        elif self.length:
            handler.send_header("Content-Length", str(len(body) + self.longer))
        else:
            handler.close_connection = True
        handler.end_headers()
        if handler.command != "HEAD":
            self._send(handler, body)

    def _send(self, handler: ReplyHandler, body: bytes) -> None:
        stops = [after for after in (self.silent_after, self.reset_after, self.end_after) if after is not None]
        sent = body[: min(stops)] if stops else body
        step = min(PIECE, max(1, self.bytes_per_s // PIECES_A_SECOND)) if self.bytes_per_s else PIECE
        for at in range(0, len(sent), step):
            piece = sent[at : at + step]
            handler.send_body(b"%x\r\n%b\r\n" % (len(piece), piece) if self.chunked else piece)
            if self.bytes_per_s and handler.server.owner.stopping.wait(len(piece) / self.bytes_per_s):
                break
        if stops:
            self._break_off(handler)
        elif self.chunked:
            handler.send_body(b"0\r\n\r\n")

    def _break_off(self, handler: ReplyHandler) -> None:
        handler.close_connection = True
        if self.silent_after is not None:
            with contextlib.suppress(OSError):
                handler.rfile.read(1)  # comes back when the board hangs up
        elif self.reset_after is not None:
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            os.close(handler.connection.detach())  # the handler's files would keep it open
