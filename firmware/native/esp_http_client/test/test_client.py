# SPDX-License-Identifier: Apache-2.0
"""The HTTP client on a native board against a server that does what servers do, and what they should not."""

from __future__ import annotations

import errno
import re
import threading
import unittest
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

    # ---- whole bodies ----

    def test_download(self) -> None:
        server = self.serve(response(BODY))
        shell = self.opened(server, "buffer=1000")
        self.assertEqual("20000", shell.do("fetch"))
        self.assertEqual("status=200 length=20000 chunked=0 complete=0", shell.do("status"))
        self.assertEqual(f"20000 {crc(BODY)} last=0 complete=1", shell.do("download 1024"))
        self.assertEqual("GET /image HTTP/1.1", self.heads[0].line)
        self.assertEqual(server.address, self.heads[0].headers["host"])
        self.assertEqual("ESP32 HTTP Client/1.0", self.heads[0].headers["user-agent"])

    def test_download_by_odd_steps(self) -> None:
        shell = self.opened(self.serve(response(BODY)), "buffer=600")
        shell.do("fetch")
        self.assertEqual(f"20000 {crc(BODY)} last=0 complete=1", shell.do("download 7"))

    def test_read_response_gathers(self) -> None:
        shell = self.opened(self.serve(response(BODY)))
        shell.do("fetch")
        self.assertEqual(f"15000 {crc(BODY[:15000])}", shell.do("read_response 15000"))
        self.assertEqual(f"5000 {crc(BODY[15000:])}", shell.do("read_response 15000"))
        self.assertEqual("0 crc=00000000", shell.do("read_response 1"))

    def test_chunked(self) -> None:
        shell = self.opened(self.serve(chunked(BODY[:1], BODY[1:700], BODY[700:])))
        self.assertEqual("0", shell.do("fetch"))
        self.assertEqual("status=200 length=-1 chunked=1 complete=0", shell.do("status"))
        self.assertEqual(f"20000 {crc(BODY)} last=0 complete=1", shell.do("download 1024"))

    def test_without_content_length(self) -> None:
        shell = self.opened(self.serve(b"HTTP/1.0 200 OK\r\n\r\n" + BODY))
        self.assertEqual("0", shell.do("fetch"))
        self.assertEqual(f"20000 {crc(BODY)} last=0 complete=1", shell.do("download 1024"))

    def test_empty(self) -> None:
        shell = self.opened(self.serve(response()))
        self.assertEqual("0", shell.do("fetch"))
        self.assertEqual("0 crc=00000000", shell.do("read 10"))
        self.assertTrue(shell.do("status").endswith("complete=1"))

    def test_body_in_many_segments(self) -> None:
        def drip(connection: Connection, _head: Head) -> None:
            whole = chunked(b"abc", b"defgh")
            for i in range(len(whole)):
                connection.send(whole[i : i + 1])

        # A socket's mailbox holds 6 segments; lwIP offers what found no room again each 250 ms.
        shell = self.opened(self.serve(drip), timeout_ms=5000)
        shell.do("fetch")
        self.assertEqual(f"8 {crc(b'abcdefgh')} last=0 complete=1", shell.do("download 100"))

    def test_interim_response(self) -> None:
        shell = self.opened(self.serve(b"HTTP/1.1 100 Continue\r\n\r\n" + response(b"after")))
        self.assertEqual("5", shell.do("fetch"))
        self.assertEqual(f"5 {crc(b'after')}", shell.do("read 100"))

    def test_bytes_past_the_end_are_not_body(self) -> None:
        shell = self.opened(self.serve(response(b"body") + response(b"more")))
        shell.do("fetch")
        self.assertEqual(f"4 {crc(b'body')} last=0 complete=1", shell.do("download 100"))

    # ---- bodies that end too early ----

    def test_truncated(self) -> None:
        shell = self.opened(self.serve(response(BODY[:5000], length=20000)))
        shell.do("fetch")
        self.assertEqual(f"5000 {crc(BODY[:5000])} last=-1 complete=0", shell.do("download 1024"))

    def test_truncated_chunk(self) -> None:
        shell = self.opened(self.serve(chunked(BODY[:500], end=b"100\r\nabc")))
        shell.do("fetch")
        self.assertEqual(f"503 {crc(BODY[:500] + b'abc')} last=-1 complete=0", shell.do("download 1024"))

    def test_chunks_without_the_last(self) -> None:
        shell = self.opened(self.serve(chunked(BODY[:500], end=b"")))
        shell.do("fetch")
        self.assertEqual(f"500 {crc(BODY[:500])} last=-1 complete=0", shell.do("download 1024"))

    def test_stalled_body(self) -> None:
        def stall(connection: Connection, _head: Head) -> None:
            connection.send(response(BODY[:100], length=20000))
            connection.wait_for_close()

        shell = self.opened(self.serve(stall))
        shell.do("fetch")
        self.assertEqual(f"100 {crc(BODY[:100])}", shell.do("read 1000"))
        self.assertEqual(f"{EAGAIN} crc=00000000", shell.do("read 1000"))
        self.assertTrue(shell.do("status").endswith("complete=0"))
        self.assertEqual("ESP_OK", shell.do("cleanup"))

    def test_reset(self) -> None:
        def reset(connection: Connection, _head: Head) -> None:
            connection.send(response(BODY[:100], length=20000))
            connection.read(1)  # the board says that it has what came
            connection.reset()

        shell = self.opened(self.serve(reset))
        shell.do("fetch")
        self.assertEqual(f"100 {crc(BODY[:100])}", shell.do("read 100"))
        self.assertEqual("1", shell.do("write x"))
        self.assertEqual("-1 crc=00000000", shell.do("read 100"))
        self.assertEqual(str(errno.ECONNRESET), shell.do("errno"))
        shell.do("cleanup")

    def test_bad_chunk_size(self) -> None:
        shell = self.opened(self.serve(chunked(b"good", end=b"zz\r\nbad")))
        shell.do("fetch")
        self.assertEqual(f"4 {crc(b'good')}", shell.do("read 100")[: len(f"4 {crc(b'good')}")])
        self.assertEqual("-1 crc=00000000", shell.do("read 100"))

    # ---- headers ----

    def test_no_answer(self) -> None:
        shell = self.opened(self.serve(lambda connection, _head: void(connection.wait_for_close())))
        self.assertEqual(str(EAGAIN), shell.do("fetch"))
        shell.do("cleanup")

    def test_closed_before_headers_end(self) -> None:
        shell = self.opened(self.serve(b"HTTP/1.1 200 OK\r\nContent-"))
        self.assertEqual("-1", shell.do("fetch"))

    def test_garbage(self) -> None:
        shell = self.opened(self.serve(b"\x16\x03\x01 this is not HTTP" * 40))
        self.assertEqual("-1", shell.do("fetch"))
        self.assertIn("not a valid response", shell.said)

    def test_endless_headers(self) -> None:
        def endless(connection: Connection, _head: Head) -> None:
            connection.send(b"HTTP/1.1 200 OK\r\n")
            with_fill = b"X-Fill: " + b"y" * 1000 + b"\r\n"
            try:
                while True:
                    connection.send(with_fill)
            except ConnectionError:
                pass  # the board gave up, as it must

        shell = self.opened(self.serve(endless))
        self.assertEqual("-1", shell.do("fetch"))
        shell.do("cleanup")

    def test_range(self) -> None:
        def ranged(connection: Connection, head: Head) -> None:
            found = re.fullmatch(r"bytes=(\d+)-", head.headers["range"])
            assert found is not None
            part = BODY[int(found[1]) :]
            connection.send(response(part, "206 Partial Content", f"Content-Range: bytes {found[1]}-19999/20000\r\n"))

        shell = self.get(self.serve(ranged))
        shell.do("header Range bytes=12345-")
        shell.do("open")
        self.assertEqual("7655", shell.do("fetch"))
        self.assertEqual("status=206 length=7655 chunked=0 complete=0", shell.do("status"))
        self.assertEqual(f"7655 {crc(BODY[12345:])} last=0 complete=1", shell.do("download 1024"))

    def test_header_events_and_deleted_header(self) -> None:
        shell = self.get(self.serve(response(b"x", headers="X-One: 1\r\nX-Empty:\r\n")))
        shell.do("header X-Mine yes")
        shell.do("header x-mine no")
        shell.do("header User-Agent")
        shell.do("open")
        shell.begin("fetch")
        shell.event("header Content-Length: 1")
        shell.event("header X-One: 1")
        shell.event("header X-Empty: ")
        self.assertEqual("1", shell.answer())
        self.assertEqual("no", self.heads[0].headers["x-mine"])
        self.assertNotIn("user-agent", self.heads[0].headers)

    def test_head_larger_than_the_buffer(self) -> None:
        shell = self.get(self.serve(response(b"x")), "tx=40")
        shell.do("header X-Long " + "v" * 200)
        self.assertEqual("ESP_OK", shell.do("open"))
        self.assertEqual("1", shell.do("fetch"))
        self.assertEqual("v" * 200, self.heads[0].headers["x-long"])

    def test_request_line_larger_than_the_buffer(self) -> None:
        server = Server(self, lambda connection: void(connection.wait_for_close()))
        shell = self.get(server, "tx=40", path="/" + "p" * 60)
        self.assertEqual("ESP_FAIL", shell.do("open"))
        self.assertIn("Out of buffer", shell.said)
        shell.do("cleanup")

    # ---- requests with a body ----

    def test_upload(self) -> None:
        def take(connection: Connection, head: Head) -> None:
            connection.send(response(connection.read(int(head.headers["content-length"]))[:5]))

        shell = self.get(self.serve(take), "method=1")
        self.assertEqual("ESP_OK", shell.do("open 30005"))
        self.assertEqual("5", shell.do("write begin"))
        self.assertEqual("30000", shell.do("writen 30000"))
        self.assertEqual("5", shell.do("fetch"))
        self.assertEqual(f"5 {crc(b'begin')}", shell.do("read 100"))
        self.assertEqual("POST /image HTTP/1.1", self.heads[0].line)

    def test_server_that_does_not_read(self) -> None:
        ended = threading.Event()
        shell = self.get(self.serve(lambda _connection, _head: void(ended.wait())), "method=1")
        self.addCleanup(ended.set)
        shell.do("open 6000000")
        for _ in range(100):  # what it cannot send does not hold it for ever
            answer = shell.do("writen 60000")
            if answer != "60000":
                break
        self.assertIn(answer, ("0", "-1"))  # the timeout
        shell.do("cleanup")

    def test_perform_post(self) -> None:
        def take(connection: Connection, head: Head) -> None:
            connection.send(response(connection.read(int(head.headers["content-length"]))))

        shell = self.get(self.serve(take), "method=1")
        shell.do("post key=value")
        self.assertEqual("ESP_OK", shell.do("perform"))
        self.assertEqual(f"9 {crc(b'key=value')}", shell.do("events"))
        self.assertEqual("application/x-www-form-urlencoded", self.heads[0].headers["content-type"])

    # ---- perform ----

    def test_perform_events(self) -> None:
        shell = self.get(self.serve(response(BODY, headers="Connection: close\r\n")))
        shell.begin("perform")
        for event in ("connected", "headers_sent", "header Content-Length: 20000", "finish", "disconnected"):
            shell.event(event)
        self.assertEqual("ESP_OK", shell.answer())
        self.assertEqual(f"20000 {crc(BODY)}", shell.do("events"))

    def test_perform_twice_on_one_connection(self) -> None:
        def two(connection: Connection, _head: Head) -> None:
            connection.send(response(b"first"))
            Head(connection)
            connection.send(response(b"second"))
            connection.wait_for_close()

        shell = self.get(self.serve(two))
        self.assertEqual("ESP_OK", shell.do("perform"))
        self.assertEqual("ESP_OK", shell.do("perform"))
        self.assertEqual(f"6 {crc(b'second')}", shell.do("events"))
        self.assertEqual(1, shell.said.count("! connected"))
        shell.do("cleanup")

    def test_perform_truncated(self) -> None:
        shell = self.get(self.serve(response(BODY[:100], length=20000)))
        self.assertEqual("http+12", shell.do("perform"))  # ESP_ERR_HTTP_INCOMPLETE_DATA
        self.assertIn("! error", shell.said)

    def test_perform_closed(self) -> None:
        shell = self.get(self.serve(b""))
        self.assertEqual("http+4", shell.do("perform"))  # ESP_ERR_HTTP_FETCH_HEADER

    def test_perform_head(self) -> None:
        shell = self.get(self.serve(response(length=20000)), "method=5")
        self.assertEqual("ESP_OK", shell.do("perform"))
        self.assertTrue(shell.do("status").startswith("status=200 length=20000"))

    def test_perform_unauthorized(self) -> None:
        shell = self.get(self.serve(response(status="401 Unauthorized", headers="WWW-Authenticate: Basic\r\n")))
        self.assertEqual("ESP_ERR_NOT_SUPPORTED", shell.do("perform"))

    # ---- redirects ----

    def redirecting(self, to: str, status: str = "302 Found") -> Server:
        def answer(connection: Connection, head: Head) -> None:
            if head.line.split()[1] == "/image":
                connection.send(response(b"gone", status, f"Location: {to}\r\nConnection: close\r\n"))
            else:
                connection.send(response(BODY))

        return self.serve(answer)

    def test_perform_follows(self) -> None:
        shell = self.get(self.redirecting("/other?a=b"))
        self.assertEqual("ESP_OK", shell.do("perform"))
        self.assertEqual(["GET /image HTTP/1.1", "GET /other?a=b HTTP/1.1"], [head.line for head in self.heads])
        self.assertTrue(shell.do("status").startswith("status=200 length=20000"))

    def test_perform_follows_to_another_server(self) -> None:
        other = self.serve(response(BODY))
        shell = self.get(self.redirecting(f"http://{other.address}/elsewhere", "308 Permanent Redirect"))
        self.assertEqual("ESP_OK", shell.do("perform"))
        self.assertEqual("GET /elsewhere HTTP/1.1", self.heads[1].line)
        self.assertEqual(other.address, self.heads[1].headers["host"])
        self.assertEqual(f"http://{other.address}/elsewhere", shell.do("geturl"))

    def test_redirects_without_end(self) -> None:
        shell = self.get(self.redirecting("/image"), "redirects=3")
        self.assertEqual("http+1", shell.do("perform"))  # ESP_ERR_HTTP_MAX_REDIRECT
        self.assertEqual(4, len(self.heads))

    def test_redirects_by_hand(self) -> None:
        shell = self.opened(self.redirecting("/other"), "noredirect=1")
        shell.do("fetch")
        self.assertEqual("ESP_OK", shell.do("redirect"))
        self.assertEqual("ESP_OK", shell.do("flush"))
        shell.do("close")
        self.assertEqual("ESP_OK", shell.do("open"))
        self.assertEqual("20000", shell.do("fetch"))
        self.assertEqual("GET /other HTTP/1.1", self.heads[1].line)

    def test_redirect_not_wanted(self) -> None:
        shell = self.get(self.redirecting("/other"), "noredirect=1")
        self.assertEqual("ESP_OK", shell.do("perform"))
        self.assertIn("! redirect", shell.said)
        self.assertTrue(shell.do("status").startswith("status=302"))

    def test_redirect_to_https(self) -> None:
        shell = self.get(self.redirecting("https://10.0.2.2:1/x"))
        self.assertEqual("http+2", shell.do("perform"))
        self.assertEqual("https://10.0.2.2:1/x", shell.do("geturl"))

    def test_redirect_nowhere(self) -> None:
        shell = self.get(self.serve(response(status="302 Found")))
        self.assertEqual("ESP_ERR_INVALID_ARG", shell.do("perform"))

    # ---- connections ----

    def test_refused(self) -> None:
        server = Server(self)
        shell = self.get(server)
        server.stop_listening()
        self.assertEqual("http+2", shell.do("open"))  # ESP_ERR_HTTP_CONNECT
        self.assertIn("! error", shell.said)

    def test_no_route(self) -> None:
        shell = Shell(self)
        shell.do(f"init url=http://192.0.2.1/x timeout={TIMEOUT_MS}")
        self.assertEqual("http+2", shell.do("open"))

    def test_numeric_and_other_names(self) -> None:
        shell = Shell(self)
        shell.do("init url=http://no-such-host.invalid/ timeout=2000")
        self.assertEqual("http+2", shell.do("open"))
        self.assertIn("couldn't get hostname", shell.said)

    def test_refused_settings(self) -> None:
        shell = Shell(self)
        self.assertEqual("refused", shell.do("init path=/x"))
        self.assertEqual("refused", shell.do("init url=http://"))
        self.assertEqual("refused", shell.do("init url=http://10.0.2.2/ auth=1"))
        self.assertEqual("made", shell.do("init host=10.0.2.2 port=1 path=/p query=q async=1"))
        self.assertEqual("http://10.0.2.2:1/p", shell.do("geturl"))
        self.assertEqual("ESP_ERR_INVALID_ARG", shell.do("open"))

    def test_heap_comes_back(self) -> None:
        server = self.serve(response(BODY, headers="X-A: b\r\nLocation: /elsewhere\r\n"))
        shell = Shell(self)
        heap = shell.heap()
        for round_ in range(10):
            shell.do(f"init url=http://{server.address}/image timeout={TIMEOUT_MS}")
            shell.do("open")
            shell.do("fetch")
            shell.do("read 100" if round_ % 2 else "download 1024")
            shell.do("cleanup")
        shell.wait_for_heap(heap, 10)


def void(value: object) -> None:
    """For a lambda whose result is of no interest."""


if __name__ == "__main__":
    unittest.main()
