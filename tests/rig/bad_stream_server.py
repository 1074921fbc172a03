# SPDX-License-Identifier: Apache-2.0
"""A server on 127.0.0.1 that serves one scripted reply a connection: for clients that must notice what is wrong."""

from __future__ import annotations

import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from pytest_hil.services.certificates import Identity

BOUNDARY = b"hilframe"
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=hilframe\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
CLOSING = b"\r\n--hilframe--\r\n"
LAST_CHUNK = b"0\r\n\r\n"


def frame(sequence: int, payload: bytes = b"picture" * 20, crc: int | None = None) -> bytes:
    """A frame as the firmware makes it; a wrong CRC on demand."""
    rest = payload + b"\xff\xd9"
    comment = b"hil seq=%010u crc=%08x" % (sequence, zlib.crc32(rest) if crc is None else crc)
    return b"\xff\xd8\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + rest


def part(body: bytes, length: int | None = None) -> bytes:
    head = b"\r\n--hilframe\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
    return head % (len(body) if length is None else length) + body


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def stream(*parts: bytes, closing: bytes = CLOSING, last: bytes = LAST_CHUNK) -> bytes:
    return HEAD + b"".join(chunk(data) for data in parts) + (chunk(closing) if closing else b"") + last


Talk = Callable[[socket.socket, bytes], None]


@contextmanager
def serving(talk: Talk, identity: Identity | None = None) -> Iterator[int]:
    """Accepts connections, reads each one's request head, lets `talk` answer it, closes. Gives the port.

    With an identity: over TLS.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    tls = identity.server_context() if identity is not None else None

    def tls_or_plain(connection: socket.socket) -> socket.socket:
        return connection if tls is None else tls.wrap_socket(connection, server_side=True)

    def one(connection: socket.socket) -> None:
        with connection, suppress(OSError), tls_or_plain(connection) as plug:
            head = b""
            while b"\r\n\r\n" not in head:
                data = plug.recv(4096)
                if not data:
                    return
                head += data
            talk(plug, head)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=one, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
