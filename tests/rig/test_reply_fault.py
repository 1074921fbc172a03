# SPDX-License-Identifier: Apache-2.0
"""The image server's faults are what they say, as an ordinary HTTP client sees them."""

from __future__ import annotations

import socket
import time

import pytest
import requests

from pytest_hil.services.image_server import ImageServer
from pytest_hil.services.reply_fault import ReplyFault

CONTENT = bytes(range(256)) * 40


def fetch(fault: ReplyFault, timeout_s: float = 10.0) -> requests.Response:
    with ImageServer() as server:
        server.serve("/a", CONTENT, fault)
        return requests.get(f"http://127.0.0.1:{server.port}/a", timeout=timeout_s, allow_redirects=False)


def test_without_a_fault_it_is_a_good_reply() -> None:
    answer = fetch(ReplyFault())
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["Content-Length"] == str(len(CONTENT))


@pytest.mark.parametrize("fault", [ReplyFault(chunked=True), ReplyFault(length=False)], ids=["chunked", "no length"])
def test_the_content_comes_whole_without_its_length(fault: ReplyFault) -> None:
    answer = fetch(fault)
    assert answer.content == CONTENT
    assert "Content-Length" not in answer.headers


def test_a_redirect_has_no_body() -> None:
    answer = fetch(ReplyFault(status=302, location="/b"))
    assert (answer.status_code, answer.headers["Location"], answer.content) == (302, "/b", b"")


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        (ReplyFault(end_after=100), "IncompleteRead|ended prematurely"),
        (ReplyFault(end_after=100, chunked=True), "IncompleteRead|InvalidChunk|ended prematurely"),
        (ReplyFault(longer=1), "IncompleteRead|timed out"),
        (ReplyFault(reset_after=100), "reset"),
        (ReplyFault(silent_after=100), "timed out"),
    ],
    ids=["ends early", "chunked, ends early", "a length that lies", "reset", "silent"],
)
def test_it_breaks_off(fault: ReplyFault, complaint: str) -> None:
    with pytest.raises(requests.RequestException, match=complaint):
        fetch(fault, timeout_s=1.0)


def test_it_is_slow() -> None:
    began = time.monotonic()
    assert fetch(ReplyFault(bytes_per_s=len(CONTENT))).content == CONTENT
    assert time.monotonic() - began >= 0.9


def test_a_silent_reply_ends_with_its_client() -> None:
    with ImageServer() as server:
        server.serve("/a", CONTENT, ReplyFault(silent_after=10))
        with socket.create_connection(("127.0.0.1", server.port)) as plug:
            plug.sendall(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
            reply = b""
            while len(reply.partition(b"\r\n\r\n")[2]) < 10:  # hung up before that, the server would not have sent them
                reply += plug.recv(4096)
        (request,) = server.wait_requests(1, 5)
        assert request.bytes_sent == 10
