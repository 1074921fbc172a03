# SPDX-License-Identifier: Apache-2.0
"""The TLS server on a native board once a client is connected: requests, streams, WebSockets, ends."""

from __future__ import annotations

import os
import socket
import ssl
import time
import unittest

from board import LIMIT_S, wait_until
from board_tls import Authority
from https_board import ADDRESS, Client, HttpsTestCase, quiet

CHIP_RECORD = 4096  # CONFIG_MBEDTLS_SSL_OUT_CONTENT_LEN
RECORD_OVERHEAD = 64
BLOCK = 128  # PARSER_BLOCK_SIZE of esp_http_server
SESSION_BYTES = range(38_000, 44_000)  # what README.md says a session takes


class ServerTest(HttpsTestCase):
    # ---- requests ----

    def test_requests(self) -> None:
        client = self.connect(self.started())
        assert isinstance(client.socket, ssl.SSLSocket)
        self.assertEqual("TLSv1.2", client.socket.version())
        for _ in range(3):
            self.assertEqual(b"hello", client.get("/hello"))
        self.assertEqual(b"hello", client.get("/any/where"))

    def test_two_requests_in_one_record(self) -> None:
        """The second is decrypted with the first, so select() knows nothing of it: it waits until anything else wakes
        the server. A trap of the original's."""
        shell = self.started()
        client = self.connect(shell)
        request = b"GET /hello HTTP/1.1\r\nHost: board\r\n\r\n"
        padding = BLOCK - len(request) % BLOCK - len(b"X: \r\n")
        # The server reads by blocks: the first request ends with one, so that all of the second is left to TLS.
        client.send(request[:-2] + b"X: " + b"x" * padding + b"\r\n\r\n" + request)
        self.assertEqual(b"hello", client.answer())
        quiet(self, client.socket, 1)
        self.connect(shell)
        self.assertEqual(b"hello", client.answer())

    def test_request_in_many_records(self) -> None:
        client = self.connect(self.started())
        for byte in b"GET /hello HTTP/1.1\r\nHost: board\r\n\r\n":
            client.send(bytes([byte]))
        self.assertEqual(b"hello", client.answer())

    def test_large_bodies(self) -> None:
        client = self.connect(self.started())
        body = os.urandom(100_000)
        client.request("/echo", body)
        self.assertEqual(body, client.answer())
        self.assertEqual(b"hello", client.get("/hello"))

    def test_records_are_those_of_a_chip(self) -> None:
        shell = self.started()
        raw = self.raw(shell)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.authority.client_context().wrap_bio(incoming, outgoing, server_hostname=ADDRESS)
        stream = b""
        request: bytes | None = b"GET /stream HTTP/1.1\r\nHost: board\r\n\r\n"
        while len(stream) < 60_000:
            try:
                if request is not None:
                    tls.do_handshake()
                    tls.write(request)
                    request = None
            except ssl.SSLWantReadError:
                pass
            raw.sendall(outgoing.read())
            received = raw.recv(65536)
            self.assertTrue(received, "the board closed")
            stream += received
            incoming.write(received)
        sizes = []
        while len(stream) > 5 and len(stream) >= 5 + int.from_bytes(stream[3:5], "big"):
            size = int.from_bytes(stream[3:5], "big")
            if stream[0] == 0x17:  # application data
                sizes.append(size)
            stream = stream[5 + size :]
        self.assertGreater(max(sizes), CHIP_RECORD)
        self.assertLessEqual(max(sizes), CHIP_RECORD + RECORD_OVERHEAD)

    # ---- streams ----

    def test_stream_ends_when_the_client_leaves(self) -> None:
        shell = self.started()
        client = self.connect(shell)
        client.request("/stream")
        shell.event("stream ")
        client.read(100_000)
        client.close()
        shell.event("stream_end ESP_ERR_HTTPD_RESP_SEND")
        self.assertEqual(b"hello", self.connect(shell).get("/hello"))

    def blocked_stream(self, options: str) -> tuple[Client, int, str]:
        shell = self.started(options)
        client = self.connect(shell)
        client.request("/stream")
        fd = int(shell.event("stream ([0-9]+)")[1])
        shell.never("stream_end", 1.5)  # all buffers on the way are full by then
        self.blocked_shell = shell
        return client, fd, shell.said

    def test_stalled_client_ends_by_the_send_timeout(self) -> None:
        self.blocked_stream("send=1")
        self.blocked_shell.event("stream_end ESP_ERR_HTTPD_RESP_SEND", limit_s=5)

    def test_shutdown_ends_a_blocked_write(self) -> None:
        _, fd, _ = self.blocked_stream("send=30")
        began = time.monotonic()
        self.assertEqual("0", self.blocked_shell.do(f"shutdown {fd}"))
        self.blocked_shell.event("stream_end ESP_ERR_HTTPD_RESP_SEND")
        self.assertLess(time.monotonic() - began, 1)
        self.assertIn("esp-tls-mbedtls: write error :-0x004E", self.blocked_shell.said)  # MBEDTLS_ERR_NET_SEND_FAILED
        self.stop(self.blocked_shell)

    # ---- WebSocket ----

    def test_websocket(self) -> None:
        shell = self.started()
        client = self.connect(shell)
        client.request(
            "/ws",
            headers="Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        )
        head = client.read_until(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 101"), head)
        self.assertIn(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", head)
        shell.event("ws ")
        for _ in range(3):
            client.send(b"\x82\x85\0\0\0\0hello")
            self.assertEqual(b"\x82\x05hello", client.read(7))

    # ---- ends ----

    def test_stop_with_clients(self) -> None:
        shell = self.started()
        clients = [self.connect(shell) for _ in range(3)]
        self.assertEqual(b"hello", clients[0].get("/hello"))
        self.stop(shell)
        for client in clients:
            self.assertEqual(b"", client.wait_for_close())
        self.assertIn("Server shuts down, releasing SSL context", shell.said)
        self.assertEqual("ESP_OK", shell.do("start"))
        self.assertEqual(b"hello", self.connect(shell).get("/hello"))

    def test_no_farewell(self) -> None:
        """The socket is closed before TLS could say goodbye: not one byte comes, so no close_notify."""
        shell = self.started()
        client = self.connect(shell)
        self.assertEqual(b"hello", client.get("/hello"))
        # Python before 3.11.4 takes such an end for a clean one, so the bytes below TLS are looked at.
        with socket.socket(fileno=os.dup(client.socket.fileno())) as below:
            below.settimeout(LIMIT_S)
            shell.do("stop")
            self.assertEqual(b"", below.recv(64))

    def test_fifty_sessions(self) -> None:
        shell = self.started()
        heap = 0
        for round_ in range(50):
            client = self.connect(shell)
            self.assertEqual(b"hello", client.get("/hello"))
            client.close()
            if round_ == 4:
                wait_until(lambda: shell.do("clients") == "0", "no clients")
                heap = shell.heap()
        wait_until(lambda: shell.do("clients") == "0", "no clients")
        shell.wait_for_heap(heap, 45)

    def test_start_and_stop_ten_times(self) -> None:
        shell = self.shell()
        heap, rounds = 0, 10
        for round_ in range(rounds):
            self.assertEqual("ESP_OK", shell.do("start"))
            client = self.connect(shell)
            self.assertEqual(b"hello", client.get("/hello"))
            self.stop(shell)
            client.close()
            if round_ == 1:
                heap = shell.heap()
        shell.wait_for_heap(heap, rounds)

    def test_heap_of_a_session(self) -> None:
        shell = self.started()
        self.connect(shell).close()
        wait_until(lambda: shell.do("clients") == "0", "no clients")
        heap = shell.heap()
        clients = [self.connect(shell) for _ in range(3)]
        for client in clients:
            client.get("/hello")
        self.assertIn((heap - shell.heap()) // 3, SESSION_BYTES)

    # ---- settings ----

    def test_calls_and_events(self) -> None:
        shell = self.shell()
        self.assertEqual("ESP_OK", shell.do("events"))
        shell.do("start calls=1")
        shell.event("event start")
        client = self.connect(shell)
        shell.event("open [0-9]+ tls=1")
        shell.event("session create TLS-ECDHE-ECDSA-")
        shell.event("event connected")
        self.assertEqual(b"hello", client.get("/hello"))  # although open_fn returned an error
        shell.event("event data [1-9]")
        shell.event("event sent")
        self.stop(shell)
        self.assertIn("! session close TLS-ECDHE-ECDSA-", shell.said)
        wait_until(lambda: "! event stop" in shell.said, "the last event")
        self.assertIn("! event disconnected", shell.said)
        self.assertEqual(1, shell.said.count("! open "))

    def test_insecure(self) -> None:
        shell = self.shell(None, "--forward", f"{ADDRESS}:0:80")
        self.assertEqual("ESP_OK", shell.do("start insecure=1"))
        client = Client(socket.create_connection(shell.board.forward(80)))
        self.addCleanup(client.close)
        self.assertEqual(b"hello", client.get("/hello"))

    def test_refused_settings(self) -> None:
        shell = self.shell()
        self.assertEqual("ESP_ERR_NOT_SUPPORTED", shell.do("start tickets=1"))
        heap = shell.heap()
        self.assertEqual("ESP_ERR_NOT_SUPPORTED", shell.do("start tickets=1"))
        self.assertEqual(heap, shell.heap())

    def test_key_of_another_certificate(self) -> None:
        """The server starts, as on a chip, and no handshake succeeds."""
        one, other = Authority().issue(ADDRESS), self.authority.issue(ADDRESS)
        shell = self.shell(type(one)(one.certificate, other.key))
        self.assertEqual("ESP_OK", shell.do("start"))
        with self.assertRaises(OSError):
            self.connect(shell)


if __name__ == "__main__":
    unittest.main()
