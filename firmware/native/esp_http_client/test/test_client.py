# SPDX-License-Identifier: Apache-2.0
"""The HTTP client on a native board: what it makes of answers as servers give them, and as they should not."""

from __future__ import annotations

import errno
import re
import unittest

from board_shell import Connection, Server
from client_case import BODY, EAGAIN, ClientTest, Head, chunked, crc, response, void


class ResponseTest(ClientTest):
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


if __name__ == "__main__":
    unittest.main()
