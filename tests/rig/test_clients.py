# SPDX-License-Identifier: Apache-2.0
"""The stream clients against a server that does things wrong on purpose: nothing of it may go unnoticed."""

from __future__ import annotations

import base64
import hashlib
import socket
import struct
import time

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_hil.boards.protocol import Endpoint
from pytest_hil.services.frames import BadFrame, FrameCheck, sequence_of
from pytest_hil.services.mjpeg_client import MjpegClient, PartReader
from pytest_hil.services.plain_clients import HalfRequestClient, IdleClient
from pytest_hil.services.tcp_sink import TcpSink
from pytest_hil.services.websocket_client import WebSocketClient
from pytest_hil.streams import Streams

from .bad_stream_server import BOUNDARY, CLOSING, chunk, frame, part, serving, stream
from .conftest import cut


def watch(reply: bytes, *, reset: bool = False) -> MjpegClient:
    """A client that has read that reply to its end."""

    def talk(connection: socket.socket, _: bytes) -> None:
        connection.sendall(reply)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with serving(talk) as port:
        client = MjpegClient("127.0.0.1", port)
        client.start()
        client.wait_end(10)
        client.close()
        return client


def how(client: MjpegClient) -> str:
    assert client.ending is not None
    return client.ending.how


def test_a_good_stream_is_complete() -> None:
    client = watch(stream(*[part(frame(i)) for i in range(5)]))
    assert (client.check.frames, client.check.problems, how(client)) == (5, [], "complete")


def test_a_client_that_was_closed_holds_no_socket() -> None:
    """Also while somebody still asks it how it ended: a test may open hundreds."""
    open_before = psutil.Process().num_fds()
    clients = [watch(stream(part(frame(0)))) for _ in range(3)]
    assert [how(client) for client in clients] == ["complete"] * 3
    assert psutil.Process().num_fds() == open_before


@pytest.mark.parametrize(
    ("numbers", "problem"),
    [
        ([0, 1, 3, 4], "frames lost: 2 to 2"),
        ([1, 2], "frames lost: 0 to 0"),
        ([0, 1, 1, 2], "frame 1 came again"),
        ([0, 2, 1], "frame 1 came again, or too late"),
    ],
)
def test_lost_and_repeated_frames_are_noticed(numbers: list[int], problem: str) -> None:
    client = watch(stream(*[part(frame(i)) for i in numbers]))
    assert any(problem in text for text in client.check.problems), client.check.problems


TORN = {
    "a wrong CRC": frame(0, crc=1),
    "bytes missing": frame(0)[:30] + frame(0)[40:],
    "no end": frame(0)[:-2],
    "no start": frame(0)[2:],
    "no comment": b"\xff\xd8\xff\xe0" + frame(0)[4:],
    "another comment": b"\xff\xd8\xff\xfe\x00\x07hello\xff\xd9",
    "empty": b"",
}


@pytest.mark.parametrize("body", TORN.values(), ids=TORN.keys())
def test_a_torn_frame_is_noticed(body: bytes) -> None:
    with pytest.raises(BadFrame):
        sequence_of(body)
    client = watch(stream(part(body), part(frame(1))))
    assert any("torn" in text for text in client.check.problems), client.check.problems


def test_a_part_that_is_not_as_long_as_it_says_is_noticed() -> None:
    assert watch(stream(part(frame(0), 20), part(frame(1)))).check.problems != []
    assert watch(stream(part(frame(0), 2000), part(frame(1)))).check.problems != []


def test_an_end_without_closing_boundary_is_no_good_end() -> None:
    client = watch(stream(part(frame(0)), closing=b""))
    assert (how(client), client.check.problems) == ("eof", [])


def test_an_end_within_a_frame_is_told() -> None:
    client = watch(stream(part(frame(0)), part(frame(1))[:-30], closing=b"", last=b""))
    assert how(client) == "eof"
    assert any("inside a frame, after 1 whole" in text for text in client.check.problems)


def test_a_closing_boundary_without_the_last_chunk_is_no_complete_body() -> None:
    assert how(watch(stream(part(frame(0)), last=b""))) == "eof"


def test_a_reset_is_told_from_an_end() -> None:
    assert how(watch(stream(part(frame(0)), closing=b"", last=b""), reset=True)) in ("reset", "eof")


def test_a_refusal_is_no_stream() -> None:
    client = watch(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
    assert (how(client), client.status) == ("refused", 503)


def test_a_client_that_stops_reading_blocks_the_writer_and_can_go_on() -> None:
    blocked: list[int] = []

    def talk(connection: socket.socket, _: bytes) -> None:
        connection.settimeout(0.5)
        connection.sendall(stream(part(frame(0)), closing=b"", last=b""))
        try:
            for i in range(1, 1000):
                connection.sendall(chunk(part(frame(i, b"x" * 20000))))
        except TimeoutError:
            blocked.append(i)

    with serving(talk) as port:
        client = MjpegClient("127.0.0.1", port, stall_after=1)
        client.start()
        client.wait_frames(1, 5)
        deadline = time.monotonic() + 10
        while not blocked and time.monotonic() < deadline:
            client.ended.wait(0.05)
        assert blocked
        assert blocked[0] * 20000 < 512 * 1024, f"{blocked[0]} frames fit between the two"
        assert not client.ended.is_set()
        frames = client.check.frames
        client.resume()
        client.wait_frames(frames + 1, 5)
        client.close()


def test_leaving_ends_a_client_at_once() -> None:
    def talk(connection: socket.socket, _: bytes) -> None:
        connection.sendall(stream(part(frame(0)), closing=b"", last=b""))
        connection.recv(1)

    with serving(talk) as port:
        client = MjpegClient("127.0.0.1", port)
        client.start()
        client.wait_frames(1, 5)
        began = time.monotonic()
        client.close()
        assert time.monotonic() - began < 2
        assert how(client) == "left"


def test_waiting_for_frames_that_do_not_come_tells_how_it_ended() -> None:
    client = watch(stream(part(frame(0))))
    with pytest.raises(AssertionError, match=r"1 frames of 2 \(ended"):
        client.wait_frames(2, 1)


@settings(max_examples=100)
@given(st.lists(st.binary(max_size=60), min_size=1, max_size=4), st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_frames_do_not_depend_on_how_bytes_are_cut(payloads: list[bytes], sizes: list[int]) -> None:
    frames = [frame(i, payload) for i, payload in enumerate(payloads)]
    reader = PartReader(BOUNDARY)
    found: list[bytes] = []
    for piece in cut(b"".join(part(body) for body in frames) + CLOSING, sizes):
        found += reader.feed(piece)
    assert (found, reader.closed, reader.problems, reader.unfinished) == (frames, True, [], False)


def test_check_counts_only_whole_frames() -> None:
    check = FrameCheck()
    for body in (frame(0), frame(1)[:-1], frame(1)):
        check.take(body)
    assert (check.frames, len(check.problems)) == (2, 1)


# ---- WebSocket


def web_socket_reply(head: bytes, frames: bytes) -> bytes:
    key = next(line.split(b": ")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + frames
    )


def web_socket_frame(opcode: int, payload: bytes) -> bytes:
    length = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + struct.pack(">H", len(payload))
    return bytes([0x80 | opcode]) + length + payload


@pytest.mark.parametrize(
    ("last", "ending"),
    [
        (web_socket_frame(8, struct.pack(">H", 1001) + b"update"), "close 1001"),
        (web_socket_frame(8, struct.pack(">H", 1011)), "close 1011"),
        (web_socket_frame(8, b""), "close 1005"),
        (b"", "eof"),
    ],
)
def test_the_way_a_websocket_ends_is_told(last: bytes, ending: str) -> None:
    frames = b"".join(web_socket_frame(2, frame(i)) for i in (0, 1, 3))

    def talk(connection: socket.socket, head: bytes) -> None:
        connection.sendall(web_socket_reply(head, frames + last))

    with serving(talk) as port:
        client = WebSocketClient("127.0.0.1", port)
        client.start()
        assert client.wait_end(5).how == ending
        client.close()
    assert client.check.frames == 3
    assert client.check.problems == ["frames lost: 2 to 2"]


def test_a_refused_websocket_is_told() -> None:
    def talk(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")

    with serving(talk) as port:
        client = WebSocketClient("127.0.0.1", port)
        client.start()
        assert client.wait_end(5).how == "refused"
        client.close()


# ---- others


def test_an_idle_client_has_been_answered_and_sees_the_end() -> None:
    def talk(connection: socket.socket, head: bytes) -> None:
        assert b"keep-alive" in head
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with serving(talk) as port:
        client = IdleClient("127.0.0.1", port)
        client.start()
        assert client.status == 200
        assert client.wait_end(5).how == "eof"
        client.close()


def test_half_a_request_is_never_finished() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    client = HalfRequestClient("127.0.0.1", listener.getsockname()[1])
    client.start()
    connection, _ = listener.accept()
    connection.settimeout(0.3)
    head = connection.recv(4096)
    assert head.startswith(b"GET ")
    assert b"\r\n\r\n" not in head
    with pytest.raises(TimeoutError):
        connection.recv(4096)
    connection.close()
    listener.close()
    assert client.wait_end(5).how in ("eof", "reset")
    client.close()


def test_the_sink_keeps_what_it_was_sent() -> None:
    with TcpSink() as sink:
        with socket.create_connection(("127.0.0.1", sink.port)) as one:
            one.sendall(b"video ")
            one.sendall(b"of somebody else")
            assert sink.wait_for(b"somebody", 5).startswith(b"video ")
        with pytest.raises(AssertionError, match="did not receive"):
            sink.wait_for(b"never", 0.1)


def test_a_slow_board_s_clients_wait_longer() -> None:
    def talk(connection: socket.socket, _: bytes) -> None:
        time.sleep(0.5)  # past the 0.1 s that are waited below: time itself is what the test is about
        connection.sendall(stream(part(frame(0))))

    with serving(talk) as port:
        streams = Streams(lambda _: Endpoint("127.0.0.1", port), patience=100.0)
        streams.mjpeg().wait_frames(1, 0.1)
        streams.of_kind("mjpeg")[0].wait_end(0.1)
        streams.close()
